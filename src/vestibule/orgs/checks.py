"""What keys, names and descriptions may be."""

from __future__ import annotations

import re
from uuid import UUID

from vestibule.errors import ValidationFailed

KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""A key stands in URLs and scopes: one DNS label, lower-case."""


def checked_key(key: str) -> str:
    """A key as it may be stored. Raises `ValidationFailed`."""
    if not KEY.fullmatch(key):
        raise ValidationFailed.of("key", "A key is lower-case letters, digits and inner hyphens")
    if as_id(key) is not None:
        raise ValidationFailed.of("key", "A key does not have the form of an id")
    return key


def checked_name(name: str) -> str:
    """A display name as it may be stored. Raises `ValidationFailed`."""
    name = name.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise ValidationFailed.of("name", "A name is 1 to 200 printable characters")
    return name


def checked_description(text: str) -> str:
    """A description as it may be stored. Raises `ValidationFailed`."""
    text = text.strip()
    if len(text) > 2000 or not all(line.isprintable() for line in text.splitlines()):
        raise ValidationFailed.of(
            "description", "A description is at most 2000 printable characters"
        )
    return text


def as_id(name: str) -> UUID | None:
    """The id that is written here in its one canonical form; None for what is a key."""
    try:
        found = UUID(name)
    except ValueError:
        return None
    return found if str(found) == name.lower() else None
