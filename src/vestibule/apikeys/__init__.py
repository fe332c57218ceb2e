"""API keys: long-lived credentials of a person's programs."""
