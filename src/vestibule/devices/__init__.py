"""Device login (RFC 8628): a program without a browser is approved in somebody's browser."""
