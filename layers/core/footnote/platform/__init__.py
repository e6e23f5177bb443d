"""What every area stands on: settings, errors, tenant context, clock, ids, HTTP and logging."""
