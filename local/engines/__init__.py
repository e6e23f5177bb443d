"""The engines of the local stack, each a real server process."""
