"""Signing keys, for administrators of the service."""

from __future__ import annotations

from sqlalchemy import Connection

from vestibule.access.acts import Acts
from vestibule.access.caller import Caller
from vestibule.audit.models import AuditEvent
from vestibule.audit.service import Audit
from vestibule.tokens.keys import KeyRing
from vestibule.tokens.models import SigningKey


class KeyAdministration:
    """Shows the published keys, adds one, and takes one back that was compromised.

    Every method raises `AccessForbidden` for everybody else. What is done stands in the trail, with
    the key's id as its target.
    """

    def __init__(self, *, keys: KeyRing, audit: Audit) -> None:
        self._keys = keys
        self._acts = Acts(audit)

    async def list(self, caller: Caller) -> list[SigningKey]:
        """All published keys, oldest first."""
        await self._acts.require(caller)
        return await self._keys.list()

    async def rotate(self, caller: Caller) -> SigningKey:
        """Publish a key, which signs once caches can know it; see `KeyRing.rotate`."""
        async with self._acts.act(caller, "key_rotate") as attempt:
            done: AuditEvent | None = None

            def also(connection: Connection, key: SigningKey) -> None:
                nonlocal done
                attempt.target = key.kid
                done = self._acts.done(attempt)
                self._acts.audit.add(connection, done)

            key = await self._keys.rotate(also=also)
        assert done is not None
        self._acts.audit.log(done)
        return key

    async def revoke(self, caller: Caller, kid: str) -> SigningKey:
        """Unpublish a key, and sign with a new one at once. Raises `NotFound`.

        Every access token that the former has signed is worth nothing from now on.
        """
        async with self._acts.act(caller, "key_revoke", target=kid[:100]) as attempt:
            done = self._acts.done(attempt)
            key = await self._keys.revoke(
                kid, also=lambda connection, _: self._acts.audit.add(connection, done)
            )
        self._acts.audit.log(done)
        return key
