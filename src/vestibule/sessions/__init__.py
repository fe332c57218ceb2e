"""Sign-ins that last: one row each, with the refresh token or the browser's cookie of it."""
