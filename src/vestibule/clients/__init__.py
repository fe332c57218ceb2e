"""OAuth 2.0 clients (RFC 6749 §2): the programs through which people sign in."""
