"""What must be done now and then: rows that have had their time, keys that are due."""
