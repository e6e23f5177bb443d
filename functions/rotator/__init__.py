"""The function `rotator`."""
