"""The bare hash of glewlwyd: the function of nettle that it calls, with its 150,000 rounds."""

import ctypes
import hmac

PASSWORD = b"correct horse battery staple"
SALT = b"sixteen bytes, 1"
ROUNDS = 150_000
LENGTH = 32

nettle = ctypes.CDLL("libnettle.so.8")
nettle.nettle_pbkdf2_hmac_sha256.argtypes = [
    ctypes.c_size_t,
    ctypes.c_char_p,
    ctypes.c_uint,
    ctypes.c_size_t,
    ctypes.c_char_p,
    ctypes.c_size_t,
    ctypes.c_char_p,
]
nettle.nettle_pbkdf2_hmac_sha256.restype = None


def digest() -> bytes:
    """The hash of the password."""
    made = ctypes.create_string_buffer(LENGTH)
    nettle.nettle_pbkdf2_hmac_sha256(len(PASSWORD), PASSWORD, ROUNDS, len(SALT), SALT, LENGTH, made)
    return made.raw


HASHED = digest()


def verify() -> bool:
    """Check the right password."""
    return hmac.compare_digest(digest(), HASHED)
