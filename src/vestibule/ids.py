"""Identifiers: UUIDv7 (RFC 9562 §5.7), ordered by time so that indexes stay local."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return uuid7()
