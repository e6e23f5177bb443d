"""One folder per deployed function: the edge, nothing else."""
