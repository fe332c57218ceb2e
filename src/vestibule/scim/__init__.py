"""Provisioning by an identity provider: SCIM 2.0 (RFC 7643, RFC 7644)."""
