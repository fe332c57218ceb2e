"""User codes (RFC 8628 §6.1): short, easy to type, hard to guess within their life."""

from __future__ import annotations

import secrets

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words; no digits, so none to take for a letter."""
LENGTH = 8
"""20 to the 8th: with the limits on tries, one guess in 10 to the 9th (§5.1)."""


def new_user_code() -> str:
    """A fresh one, as it is compared."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown(user_code: str) -> str:
    """As it is shown: in two halves."""
    return f"{user_code[: LENGTH // 2]}-{user_code[LENGTH // 2 :]}"


def canonical(typed: str) -> str | None:
    """What somebody typed as it is compared; None for what can't be one."""
    kept = "".join(c for c in typed if c not in " -\u2010\u2011\u2013\t")
    if not kept.isascii():
        return None  # in upper case, some letters of other scripts would be of the alphabet
    kept = kept.upper()
    if len(kept) != LENGTH or not set(kept) <= set(ALPHABET):
        return None
    return kept
