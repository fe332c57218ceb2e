"""Addresses: what is looked for, what a page begins behind, and whom it is about."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from vestibule.errors import NotFound


def page_of(path: str, **query: str) -> str:
    """The address with those parameters that are not empty."""
    said = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(said)}" if said else path


def as_id(text: str) -> UUID | None:
    """The id that somebody's browser sent; None for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def uuid_of(text: str) -> UUID:
    """The same. Raises `NotFound` for what is none."""
    found = as_id(text)
    if found is None:
        raise NotFound("Nothing is here", cause="id")
    return found
