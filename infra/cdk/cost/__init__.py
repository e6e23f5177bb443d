"""What a stage costs: the synthesised templates, priced."""
