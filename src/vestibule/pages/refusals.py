"""Forms that were refused: the page again with the reason, or a page of its own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from vestibule.errors import ApiError, ValidationFailed
from vestibule.pages.language import gettext as _
from vestibule.pages.rooms import words

BESIDE_THE_FORM = {400, 403, 409, 422, 429, 502, 504}
"""Statuses of what the person can mend, or try again."""


def refusal(error: ApiError | None) -> dict[str, Any]:
    """What a page shows of an error: status, words and headers. Nothing where there is none.

    Raises it again where the page can't be shown: what the form is about is not there, or the
    form is not ours.
    """
    if error is None:
        return {}
    if error.status not in BESIDE_THE_FORM or error.cause == "csrf":
        raise error
    return {"status": error.status, "error": _told(error), "headers": dict(error.headers)}


def _told(error: ApiError) -> str:
    if not isinstance(error, ValidationFailed):
        return words(error)
    # Services say in whole sentences what is wrong; what only reads forms speaks to programs.
    if error.detail == error.description or not error.errors:
        return _("Something is missing, or too long.")
    return f"{_(error.errors[0].msg)}."


def as_id(text: str) -> UUID | None:
    """The id that somebody's browser sent; None for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
