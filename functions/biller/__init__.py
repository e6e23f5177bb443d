"""`biller`: renewals, invoices, what is not paid."""
