"""`reconciler`: compares windows with ledgers."""
