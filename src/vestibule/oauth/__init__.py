"""The OAuth 2.0 and OpenID Connect endpoints that standard libraries speak to."""
