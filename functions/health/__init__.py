"""Health of Footnote and of what it depends on."""
