"""The function `migrator`."""
