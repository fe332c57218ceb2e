"""What breaks, broken on purpose while people sign in, with a ledger of all that was promised."""
