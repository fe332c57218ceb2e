"""What an answer of the service means: a body, or the exception that its `type` stands for."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from vestibule.client.errors import BY_STATUS, BY_TYPE
from vestibule.client.failures import ServiceUnavailable, VestibuleError, WrongField
from vestibule.client.steps import Lost


def failure(answer: httpx.Response | Lost, *, now: float) -> VestibuleError | None:
    """The exception of an answer; None where it is a success."""
    if isinstance(answer, Lost):
        return ServiceUnavailable(f"The service can't be reached: {answer.reason}")
    if answer.is_success:
        return None
    status = answer.status_code
    envelope = _envelope(answer)
    kind = envelope.get("type")
    kind = kind if isinstance(kind, str) else None
    base = ServiceUnavailable if status == 503 else BY_STATUS.get(status, VestibuleError)
    made = BY_TYPE.get(kind or "", base)
    return made(
        str(envelope.get("detail") or f"The service answered {status} without saying why"),
        code=status,
        type=kind,
        errors=_wrong_fields(envelope.get("errors")),
        request_id=answer.headers.get("X-Request-ID"),
        retry_after=_retry_after(answer.headers.get("Retry-After"), now=now),
    )


def body_of(answer: httpx.Response) -> dict[str, Any]:
    """The object that a success holds. Raises `ServiceUnavailable` where it is none."""
    body = _json(answer)
    if not isinstance(body, dict):
        raise unintelligible(answer)
    return body


def rows_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """The objects that a success holds. Raises `ServiceUnavailable` where they are none."""
    body = _json(answer)
    if not isinstance(body, list) or not all(isinstance(row, dict) for row in body):
        raise unintelligible(answer)
    return body


def unintelligible(answer: httpx.Response) -> ServiceUnavailable:
    """The exception for a success that is not of the contract: a portal, a wrong address."""
    return ServiceUnavailable(
        "What answers at this address is no Vestibule",
        request_id=answer.headers.get("X-Request-ID"),
    )


def _envelope(answer: httpx.Response) -> dict[str, Any]:
    body = _json(answer)
    return body if isinstance(body, dict) else {}


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:  # of which JSON and its encoding are kinds
        return None


def _wrong_fields(items: Any) -> list[WrongField]:
    if not isinstance(items, list):
        return []
    return [
        WrongField(
            loc=tuple(part for part in item.get("loc") or () if isinstance(part, str | int)),
            msg=str(item.get("msg", "")),
            type=str(item.get("type", "")),
        )
        for item in items
        if isinstance(item, dict)
    ]


def _retry_after(value: str | None, *, now: float) -> float | None:
    """Seconds, from either form of RFC 9110 §10.2.3."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return None
