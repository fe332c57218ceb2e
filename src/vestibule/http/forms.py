"""Parameters in a body, strictly: forms (RFC 6749 §3.2 and appendix B) and JSON objects."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from vestibule.errors import InvalidRequest, ValidationFailed
from vestibule.http.envelope import validation_items

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MAX_FIELDS = 64
MAX_SECRET = 1024
"""Characters of a password, a client secret, a code or a refresh token."""

Form = TypeVar("Form", bound=BaseModel)


async def read_form(request: Request, model: type[Form]) -> Form:
    """The body as `model`; unknown parameters are ignored (RFC 6749 §3.2).

    Raises `InvalidRequest` for what is no such form, or holds a parameter twice, and
    `ValidationFailed` for values that do not fit.
    """
    if _media_type(request) != FORM:
        raise InvalidRequest(f"The request body must be {FORM}", cause="media_type")
    return _validated(model, _decode(await request.body()))


async def read_parameters(request: Request, model: type[Form], *, optional: bool = False) -> Form:
    """The same of a form or a JSON object; where it is `optional`, also of no body at all."""
    body = await request.body()
    media_type = _media_type(request)
    if optional and not body:
        return _validated(model, {})
    if media_type == FORM:
        return _validated(model, _decode(body))
    if media_type != JSON:
        raise InvalidRequest(f"The request body must be {JSON} or {FORM}", cause="media_type")
    try:
        fields = json.loads(body, object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise InvalidRequest("The request body can't be read as JSON", cause="body") from None
    if not isinstance(fields, dict):
        raise InvalidRequest("The request body must be a JSON object", cause="body")
    return _validated(model, fields)


@cache
def parameters_body(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """The `requestBody` of an operation that reads its parameters so."""
    schema = model.model_json_schema()
    return {
        "required": required,
        "content": {JSON: {"schema": schema}, FORM: {"schema": schema}},
    }


@cache
def form_body(model: type[BaseModel]) -> dict[str, Any]:
    """The `requestBody` of an operation that reads a form."""
    return {"required": True, "content": {FORM: {"schema": model.model_json_schema()}}}


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _validated(model: type[Form], fields: dict[str, Any]) -> Form:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        items = validation_items([{**item, "loc": ("body", *item["loc"])} for item in found])
        raise ValidationFailed(errors=items) from None


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of a JSON object. Raises `InvalidRequest` where one comes twice."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidRequest("A parameter was sent more than once", cause="repeated_parameter")
    return fields


async def read_pairs(request: Request) -> list[tuple[str, str]]:
    """The names and values of a form as they came. Raises `InvalidRequest` for what is none."""
    if _media_type(request) != FORM:
        raise InvalidRequest(f"The request body must be {FORM}", cause="media_type")
    return _pairs(await request.body())


def _pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("ascii", "strict") if body.isascii() else body.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except (UnicodeDecodeError, ValueError):
        raise InvalidRequest("The request body can't be read as a form", cause="body") from None


def _decode(body: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in _pairs(body):
        if name in fields:
            raise InvalidRequest("A parameter was sent more than once", cause="repeated_parameter")
        fields[name] = value
    # RFC 6749 §3.2: a parameter without a value is treated as if it were not sent.
    return {name: value for name, value in fields.items() if value}
