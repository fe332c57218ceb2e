"""The grants of the token endpoint, one file each: the story of one on one screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from vestibule.audit.service import Attempt
from vestibule.clients.models import Client
from vestibule.errors import InvalidRequest
from vestibule.http.visit import Visit
from vestibule.issuing.service import Issued
from vestibule.oauth.schemas import TokenForm

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A request to the token endpoint, whose client has proved itself and may use the grant."""

    client: Client
    form: TokenForm
    visit: Visit
    attempt: Attempt
    jkt: str | None
    """Thumbprint of the key that the client has proved (RFC 9449 §5)."""


class GrantHandler(Protocol):
    """One grant."""

    async def __call__(self, request: TokenRequest) -> Issued:
        """The tokens. Raises `InvalidGrant` and the other errors of RFC 6749 §5.2."""
        ...


def required(value: T | None, name: str) -> T:
    """A parameter that this grant needs. Raises `InvalidRequest` (RFC 6749 §5.2)."""
    if value is None:
        raise InvalidRequest(f"The parameter {name} is missing", cause="parameter_missing")
    return value
