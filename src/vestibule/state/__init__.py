"""What instances share for a short time in Redis or Valkey, and what happens while that is away."""
