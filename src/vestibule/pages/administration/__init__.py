"""What administrators of the service see and do."""
