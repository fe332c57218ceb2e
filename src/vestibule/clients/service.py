"""Decisions about clients: who they prove to be, and what they may ask for."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

from packaging.version import InvalidVersion, Version
from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError

from vestibule.clients import repository
from vestibule.clients.models import Client, ClientKind, Grant
from vestibule.clock import Clock, utc
from vestibule.errors import (
    AccessForbidden,
    AlreadyExists,
    AuthenticationFailed,
    InvalidRequest,
    NotFound,
    ValidationFailed,
)
from vestibule.storage.database import Database

CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")
FIRST_PARTY = "vestibule"
"""The `client_id` of tokens for requests that named no client."""

RESERVED = {FIRST_PARTY, "null"}
"""Not to be registered: the login form takes `null` for none."""

ORG_SCOPE = "org:"
"""`org:KEY` selects the organization of the token; every client may ask for it."""


class Clients:
    """Registered clients, and the built-in one that stands where none is named."""

    def __init__(self, *, database: Database, clock: Clock, default_scopes: frozenset[str]) -> None:
        self._database = database
        self._clock = clock
        now = utc(clock)
        self._first_party = Client(
            client_id=FIRST_PARTY,
            name="Vestibule",
            kind=ClientKind.PUBLIC,
            secret_hash=None,
            grants=frozenset({Grant.PASSWORD, Grant.REFRESH_TOKEN}),
            scopes=default_scopes,
            minimum_version=None,
            organizations=None,
            created_at=now,
            updated_at=now,
        )

    async def authenticate(
        self, *, client_id: str | None, client_secret: SecretStr | None
    ) -> Client:
        """The client that these credentials prove (RFC 6749 §2.3).

        Raises `AuthenticationFailed` alike for an unknown client, a wrong secret, and a secret
        where there is none to know.
        """
        if client_id is None:
            if client_secret is not None:
                raise InvalidRequest("A client_secret needs its client_id", cause="client_id")
            return self._first_party
        client = None
        if CLIENT_ID.fullmatch(client_id):
            client = await self._database.read(lambda c: repository.by_id(c, client_id))
        if client is None:
            raise AuthenticationFailed(cause="client_unknown")
        if client.kind is ClientKind.CONFIDENTIAL:
            given = hash_secret(client_secret) if client_secret else b""
            if not hmac.compare_digest(given, client.secret_hash or b"none"):
                raise AuthenticationFailed(cause="client_secret")
        elif client_secret is not None:
            raise AuthenticationFailed(cause="client_secret")
        return client

    async def get(self, client_id: str) -> Client:
        """The client of this id. Raises `NotFound`."""
        found = await self._database.read(lambda c: repository.by_id(c, client_id))
        if found is None:
            raise NotFound(f"There is no client {client_id!r}")
        return found

    async def list(self) -> list[Client]:
        """All registered clients by id."""
        return await self._database.read(repository.list_clients)

    async def create(
        self,
        *,
        client_id: str,
        name: str,
        kind: ClientKind,
        grants: Iterable[str],
        scopes: Iterable[str],
        minimum_version: str | None = None,
        organizations: Iterable[str] | None = None,
    ) -> tuple[Client, SecretStr | None]:
        """A new client and, where it is confidential, its secret, which is not kept.

        Raises `ValidationFailed`, `AlreadyExists`.
        """
        _check(client_id=client_id, grants=grants, minimum_version=minimum_version)
        now = utc(self._clock)
        secret = _new_secret() if kind is ClientKind.CONFIDENTIAL else None
        client = Client(
            client_id=client_id,
            name=name,
            kind=kind,
            secret_hash=hash_secret(secret) if secret else None,
            grants=frozenset(grants),
            scopes=frozenset(scopes),
            minimum_version=minimum_version,
            organizations=None if organizations is None else frozenset(organizations),
            created_at=now,
            updated_at=now,
        )
        try:
            await self._database.write(lambda c: repository.add(c, client))
        except IntegrityError:
            raise AlreadyExists(f"There is a client {client_id!r} already") from None
        return client, secret

    async def rotate_secret(self, client_id: str) -> SecretStr:
        """A new secret; the former ends at once. Raises `NotFound`, `InvalidRequest`."""
        client = await self.get(client_id)
        if client.kind is not ClientKind.CONFIDENTIAL:
            raise InvalidRequest(f"The client {client_id!r} is public and has no secret")
        secret = _new_secret()
        values = {"secret_hash": hash_secret(secret), "updated_at": utc(self._clock)}
        await self._database.write(lambda c: repository.change(c, client_id, values))
        return secret


def require_grant(client: Client, grant: Grant) -> None:
    """Raise `AccessForbidden` where the client is not allowed this grant."""
    if grant not in client.grants:
        raise AccessForbidden("This client may not use this grant", cause="client_grant")


def require_organization(client: Client, key: str) -> None:
    """Raise `AccessForbidden` where the client may not enter this organization."""
    if client.organizations is not None and key not in client.organizations:
        raise AccessForbidden("This client may not enter this organization", cause="client_org")


def requested_scopes(client: Client, scope: str) -> tuple[frozenset[str], str | None]:
    """What `scope` (RFC 6749 §3.3) asks for: the scopes, and the key of the organization.

    Nothing asked for means all that the client may have. Raises `InvalidRequest` for a scope
    that it may not ask for, and for more than one organization.
    """
    asked = frozenset(scope.split(" ")) - {""}
    keys = {item.removeprefix(ORG_SCOPE) for item in asked if item.startswith(ORG_SCOPE)}
    plain = frozenset(item for item in asked if not item.startswith(ORG_SCOPE))
    if len(keys) > 1:
        raise InvalidRequest("Only one organization can be asked for", cause="scope")
    if not plain <= client.scopes:
        raise InvalidRequest("This client may not ask for this scope", cause="scope")
    return plain or client.scopes, next(iter(keys), None)


def hash_secret(secret: SecretStr) -> bytes:
    """SHA-256 of a secret that has 256 random bits."""
    return hashlib.sha256(secret.get_secret_value().encode("utf-8", "surrogatepass")).digest()


def _new_secret() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(32))


def _check(*, client_id: str, grants: Iterable[str], minimum_version: str | None) -> None:
    if not CLIENT_ID.fullmatch(client_id) or client_id in RESERVED:
        raise ValidationFailed.of("client_id", "A client_id is up to 100 of A-Z a-z 0-9 . _ ~ -")
    unknown = set(grants) - set(Grant)
    if unknown:
        raise ValidationFailed.of("grants", f"Not a grant: {', '.join(sorted(unknown))}")
    try:
        Version(minimum_version or "0")
    except InvalidVersion:
        raise ValidationFailed.of("minimum_version", "A version is of the form 1.2.3") from None
