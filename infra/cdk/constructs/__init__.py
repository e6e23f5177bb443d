"""Parts that several stacks are made of."""
