"""The commands of a person: sign in at a service anywhere. They need the extra `cli` alone."""
