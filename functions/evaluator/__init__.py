"""`evaluator`: works evaluation runs off."""
