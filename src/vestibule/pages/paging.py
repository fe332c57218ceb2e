"""Addresses of lists: what is looked for, and what the page begins behind."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from vestibule.errors import NotFound


def page_of(path: str, **query: str) -> str:
    """The address with those parameters that are not empty."""
    said = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(said)}" if said else path


def uuid_of(text: str) -> UUID:
    """The id that stands in an address. Raises `NotFound` for what is none."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("Nothing is here", cause="id") from None
