"""The signing keys: which one signs now, which are published, and how they rotate."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import ECKey, OKPKey, RSAKey
from sqlalchemy import Connection

from vestibule.clock import Clock, utc
from vestibule.errors import DatabaseUnavailable, NotFound
from vestibule.state.news import News
from vestibule.storage.database import Database
from vestibule.tokens import repository
from vestibule.tokens.models import SigningKey
from vestibule.tokens.vault import Vault

PrivateKey = ECKey | OKPKey | RSAKey

CHANGED = "keys"
"""The topic by which instances tell of it."""

REFRESH_AFTER = 30.0
"""Seconds until an instance looks for keys that another process has added."""

REFRESH_UNKNOWN_AFTER = 1.0
"""The same for a `kid` never seen: it may be new, or made up by a stranger to keep us busy."""

EXPIRY_MARGIN = timedelta(minutes=5)
"""How long a key outlives the last token it signed: clocks differ, caches lag."""


@dataclass(frozen=True, slots=True)
class Signer:
    """What signs a token."""

    kid: str
    algorithm: str
    key: PrivateKey


Also = Callable[[Connection, SigningKey], None] | None
"""What is written in the same commit as a new key, if anything."""


class KeyRing:
    """The published keys, cached, and the one of them that signs."""

    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        clock: Clock,
        algorithm: str,
        token_lifetime: int,
        publish_ahead: int,
        news: News,
    ) -> None:
        """`news` tells the other instances of new keys, and this one of theirs."""
        self._database = database
        self._vault = vault
        self._clock = clock
        self._algorithm = algorithm
        self._token_lifetime = timedelta(seconds=token_lifetime)
        self._publish_ahead = timedelta(seconds=publish_ahead)
        self._keys: list[SigningKey] = []
        self._private: dict[str, PrivateKey] = {}
        self._public: dict[str, PrivateKey] = {}
        self._loaded_at = float("-inf")
        self._changes = 0
        self._loading = asyncio.Lock()
        self._news = news
        news.on(CHANGED, self._forget)

    async def signer(self) -> Signer:
        """The newest key that has become active. Raises `RuntimeError` where there is none.

        Where the clock was set back to before them all, it is the key that no other follows: an
        older one may have been revoked, at a moment that has yet to come again.
        """
        await self._refresh()
        now = utc(self._clock)
        active = [key for key in self._keys if key.activates_at <= now] or [
            key for key in self._keys if key.expires_at is None
        ]
        if not active:
            raise RuntimeError("there is no active signing key: run `vestibule keys rotate --now`")
        return self._signer(active[-1])

    async def verifier(self, kid: str) -> tuple[str, PrivateKey] | None:
        """(algorithm, public key) of a published key; None for a `kid` that is not published."""
        for oldest_acceptable in (REFRESH_AFTER, REFRESH_UNKNOWN_AFTER):
            await self._refresh(after=oldest_acceptable)
            for key in self._keys:
                if key.kid == kid and not key.expired(utc(self._clock)):
                    public = self._public.get(kid)
                    if public is None:
                        public = self._public[kid] = _import(key.algorithm, key.public_jwk)
                    return key.algorithm, public
        return None

    @property
    def signing_since(self) -> datetime | None:
        """When the key that signs became active, as far as that is known without asking."""
        now = utc(self._clock)
        active = [key.activates_at for key in self._keys if key.activates_at <= now]
        return active[-1] if active else None

    async def jwks(self) -> dict[str, Any]:
        """The JWK Set (RFC 7517 §5): public parts only, also of keys not yet active."""
        await self._refresh()
        return {"keys": [key.public_jwk for key in self._keys]}

    async def algorithms(self) -> list[str]:
        """Those of the published keys: after a change of the setting, the former for a while."""
        await self._refresh()
        return sorted({key.algorithm for key in self._keys})

    async def list(self) -> list[SigningKey]:
        """All published keys, oldest first."""
        await self._refresh(after=0)
        return list(self._keys)

    async def ensure(self) -> None:
        """Make the first key where there is none.

        Of several instances that start at the same instant, one makes it.
        """
        await self._refresh(after=0)
        if not self._keys:
            now = utc(self._clock)
            await self._add(now=True, unless=lambda c: bool(repository.published_keys(c, now=now)))

    async def rotate(self, *, now: bool = False, also: Also = None) -> SigningKey:
        """Add a key and let the others end.

        The new key is published at once and signs after the publish-ahead time (with `now`, at
        once); the former ones stay published until all that they signed has expired. `also` is
        written with it.
        """
        key = await self._add(now=now, also=also)
        assert key is not None
        return key

    async def rotate_when_older_than(self, seconds: int) -> bool:
        """Rotate where the newest key is older than that; whether it was.

        Of several instances that find so at the same instant, one rotates.
        """
        due = utc(self._clock) - timedelta(seconds=seconds)
        newest = await self._database.read(repository.newest_key_created)
        if newest is not None and newest > due:
            return False

        def followed(connection: Connection) -> bool:
            newest = repository.newest_key_created(connection)
            return newest is not None and newest > due

        return await self._add(now=False, unless=followed) is not None

    async def _add(
        self,
        *,
        now: bool,
        unless: Callable[[Connection], bool] | None = None,
        also: Also = None,
    ) -> SigningKey | None:
        moment = utc(self._clock)
        active = moment if now else moment + self._publish_ahead
        key = await asyncio.to_thread(self._generate, moment, active)
        gone = active + self._token_lifetime + EXPIRY_MARGIN

        def add(connection: Connection) -> bool:
            if unless is not None and unless(connection):
                return False  # another instance was first
            repository.add_key(connection, key)
            repository.expire_other_keys(connection, kid=key.kid, at=gone)
            if also is not None:
                also(connection, key)
            return True

        added = await self._database.write(add)
        # Nothing that fails from now on may leave the former ones in use.
        self._forget("")
        if added:
            await self._news.tell(CHANGED)
        with contextlib.suppress(DatabaseUnavailable):
            await self._refresh(after=0)
        return key if added else None

    async def revoke(self, kid: str, *, also: Also = None) -> SigningKey:
        """Unpublish a key that was compromised, and sign with a new one, which is returned.

        What the former signed is worth nothing from now on. `also` is written with it. Raises
        `NotFound`.
        """
        if kid not in {key.kid for key in await self.list()}:
            raise NotFound(f"There is no published key {kid!r}")
        now = utc(self._clock)

        def end(connection: Connection, successor: SigningKey) -> None:
            repository.expire_key(connection, kid=kid, at=now)
            if also is not None:
                also(connection, successor)

        successor = await self._add(now=True, also=end)
        assert successor is not None
        return successor

    def _signer(self, key: SigningKey) -> Signer:
        private = self._private.get(key.kid)
        if private is None:
            private = _import(key.algorithm, json.loads(self._vault.open(key.private_encrypted)))
            self._private[key.kid] = private
        return Signer(kid=key.kid, algorithm=key.algorithm, key=private)

    def _forget(self, _message: str) -> None:
        self._loaded_at = float("-inf")
        self._changes += 1

    async def _refresh(self, *, after: float = REFRESH_AFTER) -> None:
        if self._clock.monotonic() - self._loaded_at < after:
            return
        async with self._loading:
            if self._clock.monotonic() - self._loaded_at < after:
                return  # another request has just done it
            now, changes = utc(self._clock), self._changes
            self._keys = await self._database.read(lambda c: repository.published_keys(c, now=now))
            if changes == self._changes:
                # What was told meanwhile may be newer than what was read.
                self._loaded_at = self._clock.monotonic()

    def _generate(self, created_at: datetime, activates_at: datetime) -> SigningKey:
        private = _new_key(self._algorithm)
        kid = private.thumbprint()
        public = private.as_dict(private=False, kid=kid, alg=self._algorithm, use="sig")
        return SigningKey(
            kid=kid,
            algorithm=self._algorithm,
            public_jwk=dict(public),
            private_encrypted=self._vault.seal(json.dumps(private.as_dict(private=True)).encode()),
            created_at=created_at,
            activates_at=activates_at,
            expires_at=None,
        )


def _new_key(algorithm: str) -> PrivateKey:
    if algorithm == "ES256":
        return ECKey.generate_key("P-256", private=True)
    if algorithm == "Ed25519":
        return OKPKey.generate_key("Ed25519", private=True)
    return RSAKey.generate_key(3072, private=True)


def _import(algorithm: str, jwk: dict[str, Any]) -> PrivateKey:
    if algorithm == "ES256":
        return ECKey.import_key(jwk)
    if algorithm == "Ed25519":
        return OKPKey.import_key(jwk)
    return RSAKey.import_key(jwk)
