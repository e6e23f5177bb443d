"""`evaluations`: golden sets, runs, comparisons and gates."""
