"""`application/x-www-form-urlencoded`, strictly: RFC 6749 §3.2 and appendix B."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from vestibule.errors import InvalidRequest, ValidationFailed
from vestibule.http.envelope import validation_items

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 64

Form = TypeVar("Form", bound=BaseModel)


async def read_form(request: Request, model: type[Form]) -> Form:
    """The body as `model`; unknown parameters are ignored (RFC 6749 §3.2).

    Raises `InvalidRequest` for what is no such form, or holds a parameter twice, and
    `ValidationFailed` for values that do not fit.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM:
        raise InvalidRequest(f"The request body must be {FORM}", cause="media_type")
    fields = _decode(await request.body())
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        items = validation_items([{**item, "loc": ("body", *item["loc"])} for item in found])
        raise ValidationFailed(errors=items) from None


def _decode(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii", "strict") if body.isascii() else body.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except (UnicodeDecodeError, ValueError):
        raise InvalidRequest("The request body can't be read as a form", cause="body") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise InvalidRequest("A parameter was sent more than once", cause="repeated_parameter")
        fields[name] = value
    # RFC 6749 §3.2: a parameter without a value is treated as if it were not sent.
    return {name: value for name, value in fields.items() if value}
