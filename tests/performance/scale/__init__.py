"""Search in small and large organizations: `python -m tests.performance.scale`."""
