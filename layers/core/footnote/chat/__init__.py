"""The conversation: orchestrator, typed events, history, citations, extractive answers."""
