"""`search`: finding passages."""
