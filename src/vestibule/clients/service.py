"""Decisions about clients: who they prove to be, and what they may ask for."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from vestibule.clients import repository
from vestibule.clients.assertions import Assertions
from vestibule.clients.models import Client, ClientKind, Grant
from vestibule.clients.registration import CLIENT_ID, FIRST_PARTY, check_registration
from vestibule.clients.remembering import RememberedClients
from vestibule.clock import Clock, utc
from vestibule.errors import (
    AccessForbidden,
    AlreadyExists,
    AuthenticationFailed,
    Conflict,
    InvalidRequest,
    NotFound,
)
from vestibule.orgs.checks import checked_name
from vestibule.storage.database import Database

Also = Callable[[Connection], None] | None
"""What is written in the same commit, if anything."""


class Clients:
    """Registered clients, and the built-in one that stands where none is named."""

    def __init__(
        self,
        *,
        database: Database,
        remembered: RememberedClients,
        clock: Clock,
        assertions: Assertions,
        default_scopes: frozenset[str],
    ) -> None:
        self._database = database
        self._remembered = remembered
        self._clock = clock
        self._assertions = assertions
        now = utc(clock)
        self._first_party = Client(
            client_id=FIRST_PARTY,
            name="Vestibule",
            kind=ClientKind.PUBLIC,
            secret_hash=None,
            grants=frozenset(
                {Grant.PASSWORD, Grant.REFRESH_TOKEN, Grant.DEVICE_CODE, Grant.TOKEN_EXCHANGE}
            ),
            scopes=default_scopes,
            minimum_version=None,
            organizations=None,
            created_at=now,
            updated_at=now,
            first_party=True,
        )

    async def find(self, client_id: str) -> Client | None:
        """The client of this id, the built-in one included; None where it is switched off, too."""
        client = await self.named(client_id)
        return client if client is not None and client.is_active else None

    async def named(self, client_id: str) -> Client | None:
        """The same whether it is switched off or not: to be spoken of, not to be let in."""
        if client_id == FIRST_PARTY:
            return self._first_party
        if not CLIENT_ID.fullmatch(client_id):
            return None
        return await self._remembered.find(client_id)

    async def authenticate(
        self,
        *,
        client_id: str | None,
        client_secret: SecretStr | None,
        assertion: SecretStr | None = None,
    ) -> Client:
        """The client that these credentials prove (RFC 6749 §2.3, RFC 7523 §2.2).

        Raises `AuthenticationFailed` alike for a client that is unknown or switched off, a wrong
        secret or assertion, and a secret where there is none to know.
        """
        if assertion is not None:
            return await self._authenticate_by_assertion(client_id, client_secret, assertion)
        if client_id is None:
            if client_secret is not None:
                raise InvalidRequest("A client_secret needs its client_id", cause="client_id")
            return self._first_party
        client = await self.find(client_id)
        if client is None:
            raise AuthenticationFailed(cause="client_unknown")
        if client.kind is ClientKind.CONFIDENTIAL:
            given = hash_secret(client_secret) if client_secret else b""
            if not hmac.compare_digest(given, client.secret_hash or b"none"):
                raise AuthenticationFailed(cause="client_secret")
        elif client_secret is not None:
            raise AuthenticationFailed(cause="client_secret")
        return client

    async def _authenticate_by_assertion(
        self, client_id: str | None, client_secret: SecretStr | None, assertion: SecretStr
    ) -> Client:
        if client_secret is not None:
            # RFC 6749 §2.3: one method of client authentication a request.
            raise InvalidRequest("Client credentials were sent in two ways", cause="client_twice")
        claimed = self._assertions.claimed_client(assertion)
        client = await self.find(claimed) if claimed else None
        if client is None or client_id not in (None, client.client_id):
            raise AuthenticationFailed(cause="client_unknown")
        if not await self._assertions.prove(client, assertion):
            raise AuthenticationFailed(cause="client_assertion")
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
        redirect_uris: Iterable[str] = (),
        jwks: dict[str, Any] | None = None,
        first_party: bool = False,
        dpop_bound: bool = False,
        also: Also = None,
    ) -> tuple[Client, SecretStr | None]:
        """A new client and, where it proves itself by one, its secret, which is not kept.

        A confidential client with `jwks` proves itself by `private_key_jwt` and has no secret.
        `also` is written along. Raises `ValidationFailed`, `AlreadyExists`.
        """
        check_registration(
            client_id=client_id,
            kind=kind,
            grants=grants,
            scopes=scopes,
            minimum_version=minimum_version,
            redirect_uris=redirect_uris,
            jwks=jwks,
        )
        now = utc(self._clock)
        secret = _new_secret() if kind is ClientKind.CONFIDENTIAL and jwks is None else None
        client = Client(
            client_id=client_id,
            name=checked_name(name),
            kind=kind,
            secret_hash=hash_secret(secret) if secret else None,
            grants=frozenset(grants),
            scopes=frozenset(scopes),
            minimum_version=minimum_version,
            organizations=None if organizations is None else frozenset(organizations),
            created_at=now,
            updated_at=now,
            redirect_uris=frozenset(redirect_uris),
            jwks=jwks,
            first_party=first_party,
            dpop_bound=dpop_bound,
        )
        try:
            await self._write(lambda c: repository.add(c, client), also)
        except IntegrityError:
            raise AlreadyExists(f"There is a client {client_id!r} already") from None
        return client, secret

    async def update(
        self,
        client_id: str,
        *,
        name: str,
        grants: Iterable[str],
        scopes: Iterable[str],
        minimum_version: str | None,
        organizations: Iterable[str] | None,
        redirect_uris: Iterable[str],
        first_party: bool,
        dpop_bound: bool,
        seen: datetime | None = None,
        also: Also = None,
    ) -> None:
        """Change what it may; its kind and how it proves itself stay. `also` is written along.

        Raises `NotFound`, `ValidationFailed`, and `Conflict` where it was changed since it was
        `seen` with that `updated_at`.
        """
        client = await self.get(client_id)
        check_registration(
            client_id=client_id,
            kind=client.kind,
            grants=grants,
            scopes=scopes,
            minimum_version=minimum_version,
            redirect_uris=redirect_uris,
            jwks=client.jwks,
        )
        values = {
            "name": checked_name(name),
            "grants": frozenset(grants),
            "scopes": frozenset(scopes),
            "minimum_version": minimum_version,
            "organizations": None if organizations is None else frozenset(organizations),
            "redirect_uris": frozenset(redirect_uris),
            "first_party": first_party,
            "dpop_bound": dpop_bound,
            "updated_at": utc(self._clock),
        }

        def write(connection: Connection) -> None:
            if not repository.change(connection, client_id, values, seen=seen):
                raise Conflict(
                    "Somebody has changed it meanwhile: look at it again", cause="client_changed"
                )

        await self._write(write, also)

    async def switch(self, client_id: str, *, is_active: bool, also: Also = None) -> Client:
        """Switch it on or off; its sessions wait until it is on again. Raises `NotFound`.

        `also` is written along.
        """
        await self.get(client_id)
        values = {"is_active": is_active, "updated_at": utc(self._clock)}
        await self._write(lambda c: repository.change(c, client_id, values), also)
        return await self.get(client_id)

    async def rotate_secret(self, client_id: str, *, also: Also = None) -> SecretStr:
        """A new secret; the former ends within a second. Raises `NotFound`, `InvalidRequest`.

        `also` is written along.
        """
        client = await self.get(client_id)
        if client.secret_hash is None:
            raise InvalidRequest(f"The client {client_id!r} has no secret")
        secret = _new_secret()
        values = {"secret_hash": hash_secret(secret), "updated_at": utc(self._clock)}
        await self._write(lambda c: repository.change(c, client_id, values), also)
        return secret

    async def _write(self, work: Callable[[Connection], object], also: Also) -> None:
        def write(connection: Connection) -> None:
            work(connection)
            if also is not None:
                also(connection)

        try:
            await self._database.write(write)
        finally:
            # Also where nobody knows whether it was committed.
            await self._remembered.changed()


def require_grant(client: Client, grant: Grant) -> None:
    """Raise `AccessForbidden` where the client is not allowed this grant."""
    if grant not in client.grants:
        raise AccessForbidden("This client may not use this grant", cause="client_grant")


def may_enter(client: Client, key: str) -> bool:
    """Whether the client may enter this organization, or as much as know of it."""
    return client.organizations is None or key in client.organizations


def require_organization(client: Client, key: str) -> None:
    """Raise `AccessForbidden` where the client may not enter this organization."""
    if not may_enter(client, key):
        raise AccessForbidden("This client may not enter this organization", cause="client_org")


def require_proof(client: Client, jkt: str | None) -> None:
    """Raise `InvalidRequest` where the client must prove a key and has not (RFC 9449 §5.2)."""
    if client.dpop_bound and jkt is None:
        raise InvalidRequest("This client must send a DPoP proof", cause="dpop_missing")


def hash_secret(secret: SecretStr) -> bytes:
    """SHA-256 of a secret that has 256 random bits."""
    return hashlib.sha256(secret.get_secret_value().encode("utf-8", "surrogatepass")).digest()


def _new_secret() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(32))
