"""From what was typed to the bytes that are hashed: PRECIS OpaqueString (RFC 8265 §4.2)."""

from __future__ import annotations

import unicodedata

from precis_i18n import get_profile

_profile = get_profile("OpaqueString")


def prepare(password: str) -> bytes:
    """The bytes to hash. Never cut, and never an error: at login anything may be typed.

    What the profile does not admit (control characters, code points newer than its tables) is
    normalized alone: it can still be the password of an imported hash.
    """
    if password.isascii() and password.isprintable():
        return password.encode()  # the profile would return it unchanged
    try:
        prepared: str = _profile.enforce(password)
    except UnicodeEncodeError:
        prepared = unicodedata.normalize("NFC", password)
    return prepared.encode("utf-8", "surrogatepass")


def admitted(password: str) -> str | None:
    """A new password as it will be compared; None for one that the profile does not admit."""
    try:
        enforced: str = _profile.enforce(password)
    except UnicodeEncodeError:
        return None
    return enforced
