"""`notifier`: does what events ask for."""
