"""Passwords: how they are prepared, hashed, verified and judged."""
