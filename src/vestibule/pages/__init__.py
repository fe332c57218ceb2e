"""The web pages: signing in, approving a device, giving consent."""
