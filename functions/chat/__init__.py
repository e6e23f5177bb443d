"""Questions, answers and conversations."""
