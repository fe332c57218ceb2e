"""What happened, for whom, from where: one row and one log line an event."""
