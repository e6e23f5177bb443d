"""Mail through SES."""
