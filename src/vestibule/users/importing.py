"""Bringing users in by the hundred thousand: in batches, in bounded memory, again at will."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from sqlalchemy import Connection

from vestibule.errors import ApiError
from vestibule.orgs import repository as orgs
from vestibule.orgs.models import Role
from vestibule.orgs.service import Organizations
from vestibule.passwords.formats import UnknownHashFormat
from vestibule.passwords.policy import check_new_password
from vestibule.passwords.service import Passwords
from vestibule.storage.database import Database
from vestibule.users import repository
from vestibule.users.models import User
from vestibule.users.service import Users

MAX_REASONS = 5
"""That are told of one line."""
BATCH = 1000
"""Users in one transaction: what an import that is cut off has to do again at the most."""


class ImportRow(BaseModel):
    """One user of an import file."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    username: str
    email_address: str | None = Field(
        default=None, validation_alias=AliasChoices("email_address", "email")
    )
    first_name: str = ""
    last_name: str = ""
    password_hash: str | None = Field(default=None, max_length=1024)
    password: SecretStr | None = None
    is_active: bool = True
    email_verified: bool = False
    organizations: list[str] = Field(default=[], max_length=1000)
    """Keys of organizations that exist, each with `:ROLE` where it is not member."""
    default_organization: str | None = None
    """Key of the one that they enter by default."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that was not imported, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class Summary:
    """How many lines ended how."""

    created: int = 0
    unchanged: int = 0
    """Lines whose user was there already, with the same username and address."""
    refused: int = 0


@dataclass(frozen=True, slots=True)
class _Candidate:
    line: int
    user: User
    password: SecretStr | None
    memberships: dict[UUID, Role]


class Importer:
    """Imports rows of users."""

    def __init__(
        self,
        *,
        database: Database,
        users: Users,
        organizations: Organizations,
        passwords: Passwords,
        at_once: int = 1,
        batch: int = BATCH,
    ) -> None:
        """`at_once` is how many passwords are hashed at the same time, `batch` users a commit."""
        self._at_once = at_once
        self._batch = batch
        self._database = database
        self._users = users
        self._organizations = organizations
        self._passwords = passwords
        self._org_ids: dict[str, UUID] = {}

    async def run(
        self,
        rows: Iterable[tuple[int, Any]],
        *,
        refused: Callable[[Refusal], None],
        progress: Callable[[Summary], None],
    ) -> Summary:
        """Import (line number, fields) pairs; fields that are an exception are refused with it.

        Fields that are None say nothing.

        Each batch is committed before `progress` is told of it. Whatever was committed is
        found unchanged when the same file is imported again.
        """
        self._org_ids = await self._all_organizations()
        summary = Summary()

        def refuse(line: int, reason: str) -> None:
            summary.refused += 1
            refused(Refusal(line=line, reason=reason))

        batches = _batches(iter(rows), self._batch)
        # Read and judged beside the event loop: others are answered meanwhile.
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            candidates, refusals = await asyncio.to_thread(self._judged, batch)
            for line, reason in refusals:
                refuse(line, reason)
            hashed = await self._hashed(candidates)
            # Each statement sees what another import has committed before it.
            created, conflicts = await self._database.write(
                lambda connection, items=hashed: _insert(connection, items),  # type: ignore[misc]
                isolation="READ COMMITTED",
            )
            for line, reason in conflicts:
                refuse(line, reason)
            summary.created += created
            summary.unchanged += len(hashed) - created - len(conflicts)
            progress(summary)
        return summary

    def _judged(
        self, batch: list[tuple[int, Any]]
    ) -> tuple[list[_Candidate], list[tuple[int, str]]]:
        """Who can be imported, and which lines can't and why."""
        candidates, refusals = [], []
        for line, fields in batch:
            try:
                candidates.append(self._candidate(line, fields))
            except (ApiError, UnknownHashFormat, ValidationError, _Unfit) as error:
                refusals.append((line, _reason(error)))
        return candidates, refusals

    def _candidate(self, line: int, fields: Any) -> _Candidate:
        if isinstance(fields, Exception):
            raise _Unfit(str(fields))
        row = ImportRow.model_validate(fields)
        if row.password is not None and row.password_hash is not None:
            raise _Unfit("give a password or a password_hash, not both")
        user = self._users.new(
            username=row.username,
            email_address=row.email_address,
            first_name=row.first_name,
            last_name=row.last_name,
            email_verified=row.email_verified,
        )
        if row.password_hash is not None:
            self._passwords.formats.recognise(row.password_hash)
        if row.password is not None:
            check_new_password(row.password, username=user.username, email=user.email_address)
        return _Candidate(
            line=line,
            user=replace(
                user,
                is_active=row.is_active,
                password_hash=row.password_hash,
                default_org_id=self._org_id(row.default_organization),
            ),
            password=row.password,
            memberships=self._memberships(row.organizations),
        )

    def _memberships(self, items: Sequence[str]) -> dict[UUID, Role]:
        found: dict[UUID, Role] = {}
        for item in items:
            key, _, role = item.partition(":")
            org_id = self._org_id(key)
            if role and role not in set(Role):
                raise _Unfit("a role that does not exist")
            if org_id is None or org_id in found:
                raise _Unfit("an organization that is named twice, or by no key")
            found[org_id] = Role(role or Role.MEMBER)
        return found

    def _org_id(self, key: str | None) -> UUID | None:
        if not key:
            return None
        if key not in self._org_ids:
            raise _Unfit("an organization that does not exist")
        return self._org_ids[key]

    async def _hashed(self, candidates: list[_Candidate]) -> list[_Candidate]:
        """The same, each password in them hashed."""
        loop = asyncio.get_running_loop()
        # Threads of its own: the memory that they keep for hashes goes with them.
        threads = ThreadPoolExecutor(self._at_once)

        async def hashed(place: int, password: SecretStr) -> None:
            encoded = await loop.run_in_executor(threads, self._passwords.hash_now, password)
            user = replace(candidates[place].user, password_hash=encoded)
            candidates[place] = replace(candidates[place], user=user)

        passwords = [(n, c.password) for n, c in enumerate(candidates) if c.password is not None]
        try:
            await asyncio.gather(*(hashed(place, password) for place, password in passwords))
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
        return candidates

    async def _all_organizations(self) -> dict[str, UUID]:
        found: dict[str, UUID] = {}
        after = ""
        while page := await self._organizations.list(after=after):
            found |= {organization.key: organization.id for organization in page}
            after = page[-1].key
        return found


class _Unfit(Exception):
    """Why a line can't be imported; never holds what stood in it."""


def _insert(
    connection: Connection, candidates: Sequence[_Candidate]
) -> tuple[int, list[tuple[int, str]]]:
    """Insert those who are not there: (how many, conflicts by line)."""
    inserted = repository.add_absent(connection, [candidate.user for candidate in candidates])
    orgs.add_members(
        connection,
        [
            {
                "user_id": candidate.user.id,
                "org_id": org_id,
                "role": role.value,
                "joined_at": candidate.user.created_at,
            }
            for candidate in candidates
            if candidate.user.id in inserted
            for org_id, role in candidate.memberships.items()
        ],
    )
    left_out = [candidate for candidate in candidates if candidate.user.id not in inserted]
    return len(inserted), list(_conflicts(connection, left_out))


def _conflicts(connection: Connection, left_out: Sequence[_Candidate]) -> Iterator[tuple[int, str]]:
    """Who of those that were left out is not just there already, and why."""
    if not left_out:
        return
    there = repository.taken(
        connection,
        usernames=[candidate.user.username for candidate in left_out],
        emails=[c.user.email_address for c in left_out if c.user.email_address],
    )
    by_name = {user.username: user for user in there}
    for candidate in left_out:
        namesake = by_name.get(candidate.user.username)
        if namesake is None:
            yield candidate.line, "the e-mail address belongs to another account"
        elif namesake.email_address != candidate.user.email_address:
            yield candidate.line, "the username belongs to another account"


def _batches(rows: Iterator[tuple[int, Any]], size: int) -> Iterator[list[tuple[int, Any]]]:
    """So many rows each; a line that says nothing is none, and takes its time like one."""
    while seen := list(islice(rows, size)):
        yield [(line, fields) for line, fields in seen if fields is not None]


def _reason(error: Exception) -> str:
    if isinstance(error, ApiError):
        return "; ".join(item.msg for item in error.errors or []) or error.detail
    if isinstance(error, ValidationError):
        found = error.errors(include_input=False, include_context=False, include_url=False)
        # The names of fields that we do not know are the sender's words: they stay unsaid.
        said = dict.fromkeys(
            "a field that is not known"
            if item["type"] == "extra_forbidden" or not item["loc"]
            else f"{item['loc'][0]}: {item['msg']}"
            for item in found
        )
        return "; ".join(list(said)[:MAX_REASONS])
    return str(error)
