"""People: their accounts, and what they may read of themselves."""
