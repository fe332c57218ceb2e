"""Names as people write them, made comparable: two spellings, one account."""

from __future__ import annotations

import re
import unicodedata

from precis_i18n import get_profile

MAX_NAME = 320
"""Characters of a username or an e-mail address: the longest address that RFC 5321 allows."""

_PLAIN = re.compile(r"[a-z0-9][a-z0-9._@+-]*")
_EMAIL = re.compile(r"[^@\s\"(),:;<>\[\\\]]+@[^@\s\"(),:;<>\[\\\]_]+")
_username_profile = get_profile("UsernameCaseMapped")


def canonical_username(name: str) -> str:
    """The comparable form of a username: PRECIS UsernameCaseMapped (RFC 8265 §3.3).

    Raises `ValueError` for what can't be a username.
    """
    if len(name) > MAX_NAME:
        raise ValueError("is too long")
    if _PLAIN.fullmatch(name):
        return name  # the profile would return it unchanged
    try:
        enforced: str = _username_profile.enforce(name)
    except UnicodeEncodeError:
        raise ValueError("holds a character that is not allowed") from None
    return enforced


def comparable(name: str) -> str:
    """A typed name in the form that accounts are found by; what can't be a name stays as it is."""
    try:
        return canonical_email(name) if "@" in name else canonical_username(name)
    except ValueError:
        return name


def canonical_email(address: str) -> str:
    """The comparable form of an e-mail address: NFC, without surrounding space, lower-cased.

    Raises `ValueError` for what is no address. That it receives mail, only mail can tell.
    """
    address = unicodedata.normalize("NFC", address.strip()).lower()
    if len(address) > MAX_NAME or not _EMAIL.fullmatch(address) or not address.isprintable():
        raise ValueError("is not an e-mail address")
    return address
