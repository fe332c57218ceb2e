"""LDAP and Active Directory (RFC 4511)."""
