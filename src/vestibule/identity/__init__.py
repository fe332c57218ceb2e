"""Which directory knows a person, and whether it takes their password."""
