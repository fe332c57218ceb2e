"""SCIM as HTTP: its media type, its errors (RFC 7644 §3.12), its validators (§3.14)."""

from __future__ import annotations

import json
import re
from typing import Any

from fastapi.routing import APIRoute
from pydantic import ValidationError
from scim2_models import Context, Error, InvalidSyntaxException, SCIMException
from starlette.requests import Request
from starlette.responses import Response

from vestibule.errors import ApiError, ErrorType
from vestibule.http.forms import once
from vestibule.scim.endpoints import Handler

MEDIA_TYPE = "application/scim+json"
SURROGATE = re.compile("[\ud800-\udfff]")
TAKEN = {MEDIA_TYPE, "application/json"}

TYPES = {
    400: ErrorType.INVALID,
    404: ErrorType.NOT_FOUND,
    409: ErrorType.CONFLICT,
    412: ErrorType.CONFLICT,
}
"""The `type` of the canonical envelope, which goes along with each error."""


class ScimRoute(APIRoute):
    """Tells errors as RFC 7644 does, and as all our routes do, in one body."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except SCIMException as error:
                return _told(error.to_error())
            except ValidationError as error:
                return _told(Error.from_validation_errors(error)[0])
            except ApiError as error:
                told = Error(status=error.status, detail=error.detail)
                return _told(told, type_=error.type, headers=error.headers)

        return handle


async def read(request: Request) -> dict[str, Any]:
    """The object of a body. Raises `InvalidSyntaxException`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in TAKEN:
        raise InvalidSyntaxException(detail=f"The body must be {MEDIA_TYPE}")
    try:
        body = json.loads(await request.body(), object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise InvalidSyntaxException(detail="The body can't be read as JSON") from None
    if not isinstance(body, dict):
        raise InvalidSyntaxException(detail="The body must be a JSON object")
    if SURROGATE.search(json.dumps(body, ensure_ascii=False)):
        raise InvalidSyntaxException(detail="The body holds half of a character")
    return body


def answer(
    message: Any, context: Context, *, status: int = 200, parameters: Any = None
) -> Response:
    """A resource or a message, with its validator and its address where it has them."""
    content = message.model_dump_json(scim_ctx=context, response_parameters=parameters)
    headers = {"Cache-Control": "no-store"}
    meta = getattr(message, "meta", None)
    if meta is not None and meta.version:
        headers["ETag"] = meta.version
    if meta is not None and meta.location and status == 201:
        headers["Location"] = str(meta.location)
    return Response(content, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def _told(
    error: Error, *, type_: ErrorType | None = None, headers: dict[str, str] | None = None
) -> Response:
    status = error.status or 400
    body: dict[str, Any] = error.model_dump()
    body["code"] = status
    body["type"] = (type_ or TYPES.get(status, ErrorType.INVALID)).value
    return Response(
        json.dumps(body),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type=MEDIA_TYPE,
    )
