"""`metering`: ends holds, sends events."""
