"""Mail: what is sent, through what, and what becomes of it."""
