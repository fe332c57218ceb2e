"""What the pages of the trail share: filters that stand in the address, and files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from vestibule.access.trail import Format
from vestibule.audit.models import Result
from vestibule.pages.paging import page_of
from vestibule.pages.rendering import security_headers

PER_PAGE = 50
MAX_TEXT = 320
MEDIA_TYPES: dict[Format, str] = {"csv": "text/csv", "jsonl": "application/jsonl"}
RESULTS = [result.value for result in Result]


def given_in(request: Request, filters: Sequence[str]) -> dict[str, str]:
    """What was typed into these filters."""
    return {name: request.query_params.get(name, "").strip()[:MAX_TEXT] for name in filters}


def happened(given: dict[str, str]) -> dict[str, Any]:
    """What `event`, `result`, `since` and `until` say. Raises `ValueError` for what is no day."""
    until = _day(given["until"])
    try:
        behind = until + timedelta(days=1) if until else None
    except OverflowError:
        raise ValueError("no day comes behind it") from None
    return {
        "event": given["event"] or None,
        "result": Result(given["result"]) if given["result"] in RESULTS else None,
        "since": _day(given["since"]),
        "until": behind,
    }


def format_of(request: Request) -> Format:
    """The form of file that is asked for."""
    return "jsonl" if request.query_params.get("format") == "jsonl" else "csv"


def files_at(path: str, given: dict[str, str]) -> dict[Format, str]:
    """The address of each form of file with all that the filters let through."""
    return {form: page_of(path, **given, format=form) for form in MEDIA_TYPES}


def file(pieces: AsyncIterator[bytes], form: Format, *, name: str) -> Response:
    """A file to be kept, sent piece by piece."""
    return StreamingResponse(
        pieces,
        media_type=f"{MEDIA_TYPES[form]}; charset=utf-8",
        headers={
            **security_headers(),
            "Content-Disposition": f'attachment; filename="{name}.{form}"',
        },
    )


def _day(text: str) -> datetime | None:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) if text else None
