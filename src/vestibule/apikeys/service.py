"""Decisions about API keys: who may make which, and which of them opens."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection

from vestibule.access.caller import Caller
from vestibule.apikeys import repository
from vestibule.apikeys.bounds import (
    Reach,
    chosen_end,
    chosen_org,
    chosen_scopes,
    reach_of,
    require_not_wider,
)
from vestibule.apikeys.format import digest_of, hint_of, new_key, parse
from vestibule.apikeys.models import ApiKey
from vestibule.apikeys.usage import LastUsed
from vestibule.audit.models import AuditEvent, Result
from vestibule.audit.service import Attempt, Audit
from vestibule.clock import Clock, utc
from vestibule.errors import AccessForbidden, AuthenticationFailed, NotFound, ValidationFailed
from vestibule.ids import new_id
from vestibule.orgs.models import Membership
from vestibule.orgs.service import Organizations
from vestibule.sessions import repository as sessions
from vestibule.storage.database import Database

MAX_WORKING = 100
"""Keys of one user that are neither revoked nor expired."""

MAX_LISTED = 1000

MAX_LIFETIME = timedelta(days=3652)
"""Ten years: longer is never, and dates have an end too."""

NOBODYS = bytes(32)
"""Compared with where there is no such key; the digest of nothing that anybody could find."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked of a new key."""

    name: str
    org: str | None = None
    """Id or key of an organization."""
    workspace_id: UUID | None = None
    allowed_scopes: frozenset[str] | None = None
    allow_self_revoke: bool = False
    expires_at: datetime | None = None
    expires_in: int | None = None


class ApiKeys:
    """Keys with which programs act for a person."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: Audit,
        organizations: Organizations,
        flush_interval: float = 30,
    ) -> None:
        """`flush_interval`: seconds between two writes of when keys were last used."""
        self._database = database
        self._clock = clock
        self._audit = audit
        self._organizations = organizations
        self._last_used = LastUsed(database=database, clock=clock, interval=flush_interval)

    async def authenticate(self, key: SecretStr) -> ApiKey | None:
        """The record of a key that opens now; None alike for unknown, wrong, revoked, expired."""
        parsed = parse(key.get_secret_value())
        if parsed is None:
            return None
        key_id, digest = parsed
        found = await self._database.read(lambda c: repository.by_id(c, key_id))
        right = hmac.compare_digest(digest, found.digest if found else NOBODYS)
        return found if found and right and _works(found, utc(self._clock)) else None

    def touch(self, key: ApiKey) -> None:
        """Remember that the key was used now; written with others, some seconds later."""
        self._last_used.note(key.id)

    async def flush(self) -> None:
        """Write what is remembered of uses."""
        await self._last_used.flush()

    async def forget_ended(self, *, before: datetime, limit: int) -> int:
        """Delete at most `limit` records of keys that were revoked or expired before; how many."""
        return await self._database.write(
            lambda c: repository.forget_ended(c, before=before, limit=limit)
        )

    async def list(self, caller: Caller) -> list[ApiKey]:
        """The caller's keys that are not revoked, as far as their credential reaches."""
        reach, now = await self._reach(caller), utc(self._clock)
        found = await self._database.scan(
            lambda c: repository.of_user(c, user_id=caller.user_id, now=now, limit=MAX_LISTED)
        )
        return [self._last_used.shown(key) for key in found if reach.covers(key)]

    async def get(self, caller: Caller, key_id: UUID) -> ApiKey:
        """One of them. Raises `NotFound`."""
        reach, now = await self._reach(caller), utc(self._clock)
        found = await self._database.read(lambda c: _own(c, caller, reach, key_id, now))
        return self._last_used.shown(found)

    async def create(
        self, caller: Caller, wish: Wish, attempt: Attempt
    ) -> tuple[ApiKey, SecretStr]:
        """A new key, which is not kept, and its record.

        It opens at most what the caller's credential opens. Raises `ValidationFailed`,
        `InvalidRequest`, `NotFound` for organization and workspace, `AccessForbidden`.
        """
        now = utc(self._clock)
        name = _checked_name(wish.name)
        expires_at = _checked_end(wish, now)
        scopes = chosen_scopes(caller, wish.allowed_scopes)
        org_id, workspace_id = await self._place(caller, wish)
        attempt.org_id = org_id
        key_id = new_id()
        secret = new_key(key_id)
        key = ApiKey(
            id=key_id,
            user_id=caller.user_id,
            org_id=org_id,
            workspace_id=workspace_id,
            name=name,
            digest=digest_of(secret),
            hint=hint_of(secret),
            allowed_scopes=scopes,
            allow_self_revoke=wish.allow_self_revoke,
            created_at=now,
            expires_at=expires_at,
            last_used_at=None,
            revoked_at=None,
        )
        event = self._done(attempt, status=201)

        def write(connection: Connection) -> ApiKey:
            maker = _maker(connection, caller, now)
            bounded = replace(key, expires_at=chosen_end(maker, key.expires_at))
            # Counted where nobody else writes, or two at once could pass the limit.
            working = repository.count_working(connection, user_id=caller.user_id, now=now)
            if working >= MAX_WORKING:
                raise AccessForbidden(
                    f"There are {MAX_WORKING} API keys already: revoke one first",
                    cause="too_many_keys",
                )
            repository.add(connection, bounded)
            self._audit.add(connection, event)
            return bounded

        made = await self._database.write(write)
        self._audit.log(event)
        return made, secret

    async def rotate(
        self, caller: Caller, key_id: UUID, attempt: Attempt
    ) -> tuple[ApiKey, SecretStr]:
        """A new secret for the same record; the former ends at once.

        Raises `NotFound`, and `AccessForbidden` where it has expired, or would give the caller
        more than they hold.
        """
        reach, now = await self._reach(caller), utc(self._clock)
        secret = new_key(key_id)
        digest, hint = digest_of(secret), hint_of(secret)

        def write(connection: Connection) -> tuple[ApiKey, AuditEvent]:
            key = _own(connection, caller, reach, key_id, now)
            if not _works(key, now):
                raise AccessForbidden("This API key has expired: make a new one", cause="expired")
            require_not_wider(caller, _maker(connection, caller, now), key)
            repository.change(connection, key_id, {"digest": digest, "hint": hint})
            event = self._done(replace(attempt, org_id=key.org_id), status=200)
            self._audit.add(connection, event)
            return replace(key, digest=digest, hint=hint), event

        rotated, event = await self._database.write(write)
        self._audit.log(event)
        return self._last_used.shown(rotated), secret

    async def revoke(self, caller: Caller, key_id: UUID, attempt: Attempt) -> None:
        """End a key for good. Raises `NotFound`, and `AccessForbidden` as `revoke_self` does."""
        reach, now = await self._reach(caller), utc(self._clock)

        def write(connection: Connection) -> AuditEvent:
            key = _own(connection, caller, reach, key_id, now)
            if key.id == caller.api_key_id and not key.allow_self_revoke:
                raise AccessForbidden("This API key may not revoke itself", cause="self_revoke")
            repository.change(connection, key_id, {"revoked_at": now})
            event = self._done(replace(attempt, org_id=key.org_id), status=204)
            self._audit.add(connection, event)
            return event

        self._audit.log(await self._database.write(write))

    async def revoke_self(self, caller: Caller, attempt: Attempt) -> None:
        """End the key that the caller sent. Raises `AccessForbidden` where it may not."""
        if caller.api_key_id is None:
            raise AccessForbidden("Only an API key can revoke itself", cause="no_api_key")
        await self.revoke(caller, caller.api_key_id, attempt)

    async def _reach(self, caller: Caller) -> Reach:
        return reach_of(caller, await self._memberships(caller))

    async def _memberships(self, caller: Caller) -> Sequence[Membership]:
        return await self._organizations.memberships_of(caller.user_id)

    async def _place(self, caller: Caller, wish: Wish) -> tuple[UUID | None, UUID | None]:
        """The organization and the workspace of a new key."""
        memberships = await self._memberships(caller)
        reach = reach_of(caller, memberships)
        workspace_id = wish.workspace_id
        if workspace_id is None:
            org_id = chosen_org(reach, memberships, named=wish.org, of_workspace=None)
            return org_id, reach.workspace_id
        owner = await self._database.read(lambda c: repository.org_of_workspace(c, workspace_id))
        if owner is None or reach.workspace_id not in (None, workspace_id):
            raise NotFound("Workspace not found", cause="workspace_unknown")
        org_id = chosen_org(reach, memberships, named=wish.org, of_workspace=owner)
        if org_id != owner:
            raise NotFound("Workspace not found", cause="workspace_unknown")
        return org_id, workspace_id

    def _done(self, attempt: Attempt, *, status: int) -> AuditEvent:
        return self._audit.event(attempt, result=Result.SUCCESS, cause="done", status=status)


def _works(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def _own(
    connection: Connection, caller: Caller, reach: Reach, key_id: UUID, now: datetime
) -> ApiKey:
    """The caller's key, as far as their credential reaches; others are answered like none."""
    found = repository.of_user(connection, user_id=caller.user_id, key_id=key_id, now=now, limit=1)
    if not found or not reach.covers(found[0]):
        raise NotFound("API key not found", cause="key_unknown")
    return found[0]


def _maker(connection: Connection, caller: Caller, now: datetime) -> ApiKey | None:
    """The API key in the caller's hand, None for an access token.

    Both are looked at again where use is made of them: they may have ended since they were let
    in.
    """
    if caller.session_id is not None:
        session = sessions.by_id(connection, caller.session_id)
        if session is None or session.ended_at is not None:
            raise AuthenticationFailed(cause="session_ended")
    if caller.api_key_id is None:
        return None
    maker = repository.by_id(connection, caller.api_key_id)
    if maker is None or not _works(maker, now):
        raise AuthenticationFailed(cause="key_ended")
    return maker


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise ValidationFailed.of("name", "A name is 1 to 200 printable characters")
    return name


def _checked_end(wish: Wish, now: datetime) -> datetime | None:
    if wish.expires_at is not None and wish.expires_in is not None:
        raise ValidationFailed.of("expires_in", "Send expires_at or expires_in, not both")
    if wish.expires_in is not None:
        return now + timedelta(seconds=wish.expires_in)
    if wish.expires_at is None:
        return None
    if not now < wish.expires_at <= now + MAX_LIFETIME:
        raise ValidationFailed.of("expires_at", "A key ends within the next ten years")
    return wish.expires_at.astimezone(now.tzinfo)
