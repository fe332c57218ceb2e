"""What a request asks for with `scope` (RFC 6749 §3.3): scopes, and one organization."""

from __future__ import annotations

from vestibule.clients.models import Client
from vestibule.clients.registration import SCOPE
from vestibule.errors import InvalidRequest

ORG_SCOPE = "org:"
"""`org:KEY` selects the organization of the token; every client may ask for it."""


def requested_scopes(client: Client, scope: str) -> tuple[frozenset[str], str | None]:
    """The scopes, and the key of the organization, that a client asks for at a new sign-in.

    Nothing asked for means all that the client may have. Raises `InvalidRequest` for a scope
    that it may not ask for, and for more than one organization.
    """
    return _asked(scope, allowed=client.scopes, refusal="This client may not ask for this scope")


def narrowed_scopes(granted: str, scope: str) -> tuple[frozenset[str], str | None]:
    """The same where scopes were granted before: never more than those (RFC 6749 §6)."""
    allowed = frozenset(granted.split())
    return _asked(scope, allowed=allowed, refusal="This scope was not granted before")


def _asked(
    scope: str, *, allowed: frozenset[str], refusal: str
) -> tuple[frozenset[str], str | None]:
    asked = frozenset(scope.split(" ")) - {""}
    keys = {item.removeprefix(ORG_SCOPE) for item in asked if item.startswith(ORG_SCOPE)}
    plain = frozenset(item for item in asked if not item.startswith(ORG_SCOPE))
    if not all(SCOPE.fullmatch(item) for item in asked):
        # Above all no other white space: what is one scope here must stay one wherever it is kept.
        raise _invalid("A scope is not of its form")
    if len(keys) > 1:
        raise _invalid("Only one organization can be asked for")
    if not plain <= allowed:
        raise _invalid(refusal)
    return plain or allowed, next(iter(keys), None)


def _invalid(detail: str) -> InvalidRequest:
    return InvalidRequest(detail, cause="scope", oauth="invalid_scope")
