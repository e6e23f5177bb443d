"""Execution environments: functions run as Lambda runs them, each in a process of its own."""
