"""The canonical error envelope on the wire."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from vestibule.errors import ApiError, ValidationErrorItem

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
"""A field that could be misspelt; no secret of ours is so short."""


_encode = json.JSONEncoder(separators=(",", ":")).encode
"""Made once: `json.dumps` with separators makes an encoder each time."""

Answer = Callable[[Request, ApiError], Response]
"""How a request is told that it has failed."""

OAUTH = "/oauth2/"
"""Below this standard OAuth libraries call: errors carry RFC 6749's members as well."""


def in_envelope(request: Request, error: ApiError) -> Response:
    """The answer to a program."""
    return error_response(error, path=request.scope["path"])


def error_response(error: ApiError, *, path: str = "") -> Response:
    """The envelope as an HTTP response for a request to `path`, with the error's headers."""
    content = error.oauth_payload() if path.startswith(OAUTH) else error.payload()
    return Response(
        content=_encode(content),
        status_code=error.status,
        headers=error.headers,
        media_type="application/json",
    )


def validation_items(errors: Sequence[Any]) -> list[ValidationErrorItem]:
    """Pydantic's findings without `input` and `ctx`, which carry what was sent."""
    return [
        ValidationErrorItem(loc=_place(item), msg=_message(item), type=item["type"])
        for item in errors
    ]


def _place(item: Any) -> list[str | int]:
    """Where it is; a name that only the sender knows is told where it is a name at all."""
    place: list[str | int] = list(item["loc"])
    if item["type"] == "extra_forbidden" and not NAME.fullmatch(str(place[-1])):
        place[-1] = "(unknown)"
    return place


def _message(item: Any) -> str:
    # A `value_error` is one of our own sentences; the framework prefixes it.
    return str(item["msg"]).removeprefix("Value error, ")
