"""`budgeter`: brings the stages of budgets to where the figures are."""
