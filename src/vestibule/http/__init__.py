"""HTTP itself: the envelope, request context, bodies, forms, origins. No decisions."""
