"""Forgotten passwords and unproved addresses: what is mailed, and what the link then does."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection

from vestibule import logs
from vestibule.access.acts import Acts
from vestibule.access.caller import Caller
from vestibule.audit.models import Result
from vestibule.audit.service import Attempt, Audit
from vestibule.clock import Clock, utc
from vestibule.errors import AuthenticationFailed, Conflict, NotFound
from vestibule.guard.service import Guard
from vestibule.http.visit import Visit
from vestibule.identity.registry import Registry
from vestibule.mail.letters import Letters
from vestibule.mail.outbox import Outbox
from vestibule.recovery import repository
from vestibule.recovery.models import Link, Purpose
from vestibule.storage.database import Database
from vestibule.text import comparable
from vestibule.users import repository as user_rows
from vestibule.users.models import User
from vestibule.users.service import Users


class Recovery:
    """Mails links, and does what they are for."""

    def __init__(
        self,
        *,
        database: Database,
        users: Users,
        registry: Registry,
        outbox: Outbox,
        letters: Letters,
        guard: Guard,
        audit: Audit,
        clock: Clock,
        reset_lifetime: int,
        verification_lifetime: int,
        reset_url: str,
        verification_url: str,
    ) -> None:
        """Lifetimes are in seconds; links begin with the URLs."""
        self._database = database
        self._users = users
        self._registry = registry
        self._outbox = outbox
        self._letters = letters
        self._guard = guard
        self._audit = audit
        self._acts = Acts(audit)
        self._clock = clock
        self._lifetimes = {
            Purpose.RESET: timedelta(seconds=reset_lifetime),
            Purpose.VERIFICATION: timedelta(seconds=verification_lifetime),
        }
        self._urls = {Purpose.RESET: reset_url, Purpose.VERIFICATION: verification_url}
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = logs.get("recovery")

    async def forgotten(self, identifier: str, *, visit: Visit, attempt: Attempt) -> None:
        """Mail a link to whoever this is, if they are anybody.

        Nothing is told of whether they are, not even by the time it takes: all that depends on it
        happens after the answer. Raises `UpgradeRequired`, `RateLimited`.
        """
        self._guard.require_secure(scheme=visit.scheme, address=visit.address)
        digest = self._audit.digest(comparable(identifier))
        attempt.identifier_digest = digest
        await self._guard.admit_mail(network=visit.network, recipient=digest)
        task = asyncio.create_task(self._mail_reset(identifier, attempt))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def send_reset(self, caller: Caller, user_id: UUID, *, network: str) -> None:
        """Mail a link to set the password to somebody, for an administrator.

        Raises `AccessForbidden` for everybody else, `NotFound`, `RateLimited`, and `Conflict` where
        no letter reaches the person or a directory keeps the password.
        """
        async with self._acts.act(caller, "password_reset_send", target=user_id) as attempt:
            user = await self._users.get(user_id)
            if user is None:
                raise NotFound("User not found", cause="user_unknown")
            if not self._outbox.is_configured:
                raise Conflict("This service sends no mail", cause="no_mail")
            if user.email_address is None or not user.is_active:
                raise Conflict("This account has no address, or is disabled", cause="no_address")
            if await self._elsewhere(user) is not None:
                raise Conflict("A directory keeps this password", cause="directory_password")
            await self._guard.admit_mail(network=network, recipient=user.id.hex)
            write = self._mailing(user, user.email_address, Purpose.RESET)
            await self._audit.succeeded(attempt, status=202, work=write)
        self._outbox.wake()

    async def account_of(self, token: SecretStr, *, visit: Visit, attempt: Attempt) -> User:
        """Whose new password a mailed link is for. Raises as `reset` does."""
        _, user = await self._checked(token, Purpose.RESET, visit=visit, attempt=attempt)
        return user

    async def reset(
        self, token: SecretStr, password: SecretStr, *, visit: Visit, attempt: Attempt
    ) -> None:
        """Set a new password by a mailed link, which proves the address as well.

        All sessions end. Raises `NotFound` alike for a link that is unknown, used, expired or
        older than the present password, `ValidationFailed` for a password that is none: the link
        stays good then. `UpgradeRequired`, `RateLimited`.
        """
        link, user = await self._checked(token, Purpose.RESET, visit=visit, attempt=attempt)
        now = utc(self._clock)
        event = self._audit.event(attempt, result=Result.SUCCESS, cause="changed", status=204)

        def also(connection: Connection) -> None:
            self._spend(connection, link)
            user_rows.change(connection, user.id, {"email_verified": True, "updated_at": now})
            mail = self._letters.write(
                "password_changed", to=link.email_address, username=user.username, when=_shown(now)
            )
            self._outbox.put(connection, mail, expires_at=now + timedelta(days=2))
            self._audit.add(connection, event)

        try:
            await self._users.set_password(user, password, verified=True, also=also)
        except AuthenticationFailed:
            raise _unknown("link_password") from None
        self._audit.log(event)
        self._outbox.wake()

    async def send_verification(self, caller: Caller, *, network: str) -> None:
        """Mail a link to the caller's own address.

        Raises `Conflict` where there is none, or it is proved already; `RateLimited`.
        """
        attempt = caller.attempt("email_verification_send")
        async with self._audit.following(attempt):
            user = await self._users.get(caller.user_id)
            if user is None or user.email_address is None or user.email_verified:
                raise Conflict("There is no address to verify", cause="nothing_to_verify")
            await self._guard.admit_mail(network=network, recipient=user.id.hex)
            write = self._mailing(user, user.email_address, Purpose.VERIFICATION)
            await self._audit.succeeded(attempt, status=202, work=write)
        self._outbox.wake()

    async def verify(self, token: SecretStr, *, visit: Visit, attempt: Attempt) -> None:
        """Take a mailed link as the proof of the address. Raises as `reset` does."""
        link, user = await self._checked(token, Purpose.VERIFICATION, visit=visit, attempt=attempt)
        now = utc(self._clock)

        def write(connection: Connection) -> None:
            self._spend(connection, link)
            user_rows.change(connection, user.id, {"email_verified": True, "updated_at": now})

        await self._audit.succeeded(attempt, status=204, work=write)

    async def close(self) -> None:
        """Let what is under way end."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _mail_reset(self, identifier: str, attempt: Attempt) -> None:
        try:
            await self._mail_reset_to(await self._users.find(identifier), attempt)
        except Exception as error:
            self._log.error("no link mailed", error=type(error).__name__)

    async def _mail_reset_to(self, user: User | None, attempt: Attempt) -> None:
        attempt.user_id = user.id if user else None
        if user is None or not user.is_active or user.email_address is None:
            cause = "user_unknown" if user is None else "user_without_mail"
            refused = self._audit.event(attempt, result=Result.REFUSED, cause=cause, status=202)
            self._audit.record_soon(refused)
            return
        elsewhere = await self._elsewhere(user)
        if elsewhere is not None:
            mail = self._letters.write(
                "reset_elsewhere", to=user.email_address, directory=elsewhere
            )
            until = utc(self._clock) + self._lifetimes[Purpose.RESET]
            await self._audit.succeeded(
                attempt,
                status=202,
                cause="directory_password",
                work=lambda c: self._outbox.put(c, mail, expires_at=until),
            )
        else:
            write = self._mailing(user, user.email_address, Purpose.RESET)
            await self._audit.succeeded(attempt, status=202, work=write)
        self._outbox.wake()

    async def _elsewhere(self, user: User) -> str | None:
        """The name of the directory that keeps the password, where one does."""
        if user.password_hash is not None:
            return None
        return await self._registry.answering_for(user.id)

    def _mailing(self, user: User, address: str, purpose: Purpose) -> Callable[[Connection], None]:
        secret, now = secrets.token_urlsafe(32), utc(self._clock)
        link = Link(
            digest=_digest(SecretStr(secret)),
            purpose=purpose,
            user_id=user.id,
            email_address=address,
            password_digest=_password_digest(user),
            created_at=now,
            expires_at=now + self._lifetimes[purpose],
            used_at=None,
        )
        mail = self._letters.write(
            purpose.value,
            to=address,
            username=user.username,
            until=_shown(link.expires_at),
            link=f"{self._urls[purpose]}?token={secret}",
        )

        def write(connection: Connection) -> None:
            repository.add(connection, link)
            self._outbox.put(connection, mail, expires_at=link.expires_at)

        return write

    async def _checked(
        self, token: SecretStr, purpose: Purpose, *, visit: Visit, attempt: Attempt
    ) -> tuple[Link, User]:
        self._guard.require_secure(scheme=visit.scheme, address=visit.address)
        await self._guard.require_few_failures(visit.network)
        now = utc(self._clock)
        link = await self._database.read(
            lambda c: repository.usable(c, digest=_digest(token), purpose=purpose, now=now)
        )
        if link is None:
            await self._guard.failed(visit.network)
            raise _unknown("link_unknown")
        attempt.user_id = link.user_id
        user = await self._users.get(link.user_id)
        if user is None or not user.is_active or user.email_address != link.email_address:
            raise _unknown("link_account")
        if purpose is Purpose.RESET and link.password_digest != _password_digest(user):
            raise _unknown("link_password")
        if purpose is Purpose.RESET and await self._elsewhere(user) is not None:
            raise _unknown("directory_password")
        return link, user

    def _spend(self, connection: Connection, link: Link) -> None:
        if not repository.spend(connection, digest=link.digest, now=utc(self._clock)):
            raise _unknown("link_used")


def _digest(token: SecretStr) -> bytes:
    return hashlib.sha256(token.get_secret_value().encode("utf-8", "surrogatepass")).digest()


def _password_digest(user: User) -> bytes | None:
    return hashlib.sha256(user.password_hash.encode()).digest() if user.password_hash else None


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _unknown(cause: str) -> NotFound:
    return NotFound("This link is unknown, used or expired", cause=cause)
