"""Who is calling, and what the credential in their hand is good for."""
