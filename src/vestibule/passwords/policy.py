"""What a new password must be: NIST SP 800-63B §3.1.1, OWASP ASVS 5.0 V6.2."""

from __future__ import annotations

import functools

from pydantic import SecretStr

from vestibule.errors import ValidationErrorItem, ValidationFailed
from vestibule.passwords.prepare import admitted

MIN_LENGTH = 8
MAX_LENGTH = 1024
MIN_NAME = 3
"""Shorter names stand in too many good passwords by chance."""


def check_new_password(password: SecretStr, *, username: str, email: str | None) -> None:
    """Raise `ValidationFailed`, naming each rule that is not kept.

    8 to 1,024 characters of any kind; none of the common ones, none with the user's own name.
    """
    value = password.get_secret_value()
    enforced = admitted(value)
    compared = value if enforced is None else enforced
    folded = compared.casefold()
    names = {username.partition("@")[0], (email or "").partition("@")[0]}
    rules = [
        (
            len(compared) < MIN_LENGTH,
            "password_too_short",
            f"A password has at least {MIN_LENGTH} characters",
        ),
        (
            max(len(compared), len(value)) > MAX_LENGTH,
            "password_too_long",
            f"A password has at most {MAX_LENGTH} characters",
        ),
        (
            bool(value) and enforced is None,  # the profile refuses the empty one as well
            "password_not_allowed",
            "A password holds letters, digits, punctuation, symbols and spaces only",
        ),
        (
            folded in common_passwords(),
            "password_common",
            "This password is one of the most common ones",
        ),
        (
            any(len(name) >= MIN_NAME and name.casefold() in folded for name in names),
            "password_contains_username",
            "A password does not contain the user's name",
        ),
    ]
    errors = [
        ValidationErrorItem(loc=["body", "password"], msg=message, type=kind)
        for broken, kind, message in rules
        if broken
    ]
    if errors:
        raise ValidationFailed("; ".join(item.msg for item in errors), errors=errors)


@functools.cache
def common_passwords() -> frozenset[str]:
    """Those that are long enough to be chosen here (ASVS V6.2.4 asks for 3,000)."""
    # Loaded when first asked for: it takes memory that a service at rest does not need.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    passwords = FREQUENCY_LISTS["passwords"]
    return frozenset(item.casefold() for item in passwords if len(item) >= MIN_LENGTH)
