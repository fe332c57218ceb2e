"""Forms that were refused: the page again with the reason, or a page of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vestibule.errors import ApiError, ValidationFailed
from vestibule.pages.language import gettext as _

BESIDE_THE_FORM = {400, 403, 409, 422, 429, 502, 504}
"""Statuses of what the person can mend, or try again."""


def words(error: ApiError) -> str:
    """What to tell the person who sent a form that was refused."""
    if isinstance(error, ValidationFailed) and error.errors:
        item = error.errors[0]
        return f"{item.loc[-1]}: {_(item.msg)}" if item.loc else _(item.msg)
    return f"{_(error.detail)}."


def again(error: ApiError | None, tell: Callable[[ApiError], str] = words) -> dict[str, Any]:
    """What a page shows of an error: status, words and headers. Nothing where there is none."""
    if error is None:
        return {}
    return {"status": error.status, "error": tell(error), "headers": dict(error.headers)}


def refusal(error: ApiError | None) -> dict[str, Any]:
    """The same in whole sentences.

    Raises the error again where the page can't be shown: what the form is about is not there, or
    the form is not ours.
    """
    if error is not None and (error.status not in BESIDE_THE_FORM or error.cause == "csrf"):
        raise error
    return again(error, _told)


def _told(error: ApiError) -> str:
    if not isinstance(error, ValidationFailed):
        return words(error)
    # Services say in whole sentences what is wrong; what only reads forms speaks to programs.
    if error.detail == error.description or not error.errors:
        return _("Something is missing, or too long.")
    return f"{_(error.errors[0].msg)}."
