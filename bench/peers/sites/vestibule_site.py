"""The bare hash of Vestibule's defaults."""

from argon2.low_level import Type, hash_secret, verify_secret

PASSWORD = b"correct horse battery staple"
HASHED = hash_secret(PASSWORD, b"sixteen bytes, 1", 2, 19 * 1024, 1, 32, Type.ID)


def verify() -> bool:
    """Check the right password."""
    return verify_secret(HASHED, PASSWORD, Type.ID)
