"""What anybody may ask of the service itself: that it lives, and what it can do."""
