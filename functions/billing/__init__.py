"""`billing`: plans, subscriptions, invoices and usage."""
