"""Who may try at all: decided before any password is looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, Self
from uuid import UUID

from vestibule.errors import RateLimited, UpgradeRequired
from vestibule.guard.backoff import Backoff
from vestibule.guard.limits import Limiter
from vestibule.http.networks import is_loopback

RequireTls = Literal["never", "remote", "always"]


class Guard:
    """The door of the login."""

    def __init__(
        self, *, limiter: Limiter, backoff: Backoff | None, require_tls: RequireTls
    ) -> None:
        """`backoff` is None where delays are switched off."""
        self._limiter = limiter
        self._backoff = backoff
        self._require_tls = require_tls

    def require_secure(self, *, scheme: str, address: str) -> None:
        """Raise `UpgradeRequired` for credentials in the clear where that is not allowed."""
        if scheme == "https" or self._require_tls == "never":
            return
        if self._require_tls == "remote" and is_loopback(address):
            return
        raise UpgradeRequired(
            "Send credentials over TLS only",
            upgrade="TLS/1.2, HTTP/1.1",  # RFC 2817 §4.2
            cause="plain_http",
        )

    async def admit_address(self, network: str) -> None:
        """Count a try of this network. Raises `RateLimited`."""
        await self._limiter.hit("address", network)

    async def admit_client(self, client_id: str) -> None:
        """Count a try through this client. Raises `RateLimited`."""
        await self._limiter.hit("client", client_id)

    async def require_few_failures(self, network: str) -> None:
        """Raise `RateLimited` where too much that came from this network was wrong."""
        await self._limiter.require_room("failures", network)

    async def failed(self, network: str) -> None:
        """Count a wrong client secret, code or token of this network. Raises `RateLimited`."""
        await self._limiter.hit("failures", network)

    async def admit_device(self, network: str) -> None:
        """Count a device login that this network starts. Raises `RateLimited`."""
        await self._limiter.hit("devices", network)

    async def admit_user_code(self, *, user_id: UUID, network: str) -> None:
        """Count a try to name a user code (RFC 8628 §5.1). Raises `RateLimited`.

        It is counted before it is looked at: of a hundred at once all are guesses but one.
        """
        await self._limiter.hit("user_codes", network)
        try:
            await self._limiter.hit("user_codes", user_id.hex)
        except RateLimited:
            await self._limiter.take_back("user_codes", network)
            raise

    async def right_user_code(self, *, user_id: UUID, network: str) -> None:
        """It was no guess: take the try back."""
        await self._limiter.take_back("user_codes", network)
        await self._limiter.take_back("user_codes", user_id.hex)

    async def admit_account(
        self, *, account: str, network: str, is_known: Callable[[], Awaitable[bool]]
    ) -> Admission:
        """Count a try at this account. Raises `RateLimited`.

        `is_known` tells whether the account has signed in from this network before; it is
        asked at most once, and only where strangers have used up what all unknown networks
        share: then a known network has a count of its own.

        The delays come first: a try that they refuse must not use up the limit, while one that
        the limit refuses can be taken back from the delays.
        """
        known: bool | None = None
        if self._backoff and self._backoff.depends_on_known(account=account, network=network):
            known = await is_known()
        admission = Admission(self._backoff, account=account, network=network, known=bool(known))
        try:
            if not known:
                try:
                    await self._limiter.hit("account", account)
                except RateLimited:
                    known = await is_known() if known is None else known
                    if not known:
                        raise
                else:
                    return admission
            await self._limiter.hit("account", f"{account}|{network}")
        except BaseException:
            admission.abandoned()
            raise
        return admission


class Admission:
    """A try that was let in. Ends as one of three; left undecided, it was abandoned."""

    def __init__(self, backoff: Backoff | None, *, account: str, network: str, known: bool) -> None:
        self._backoff = backoff
        self._open = True
        self._account, self._network, self._known = account, network, known
        if backoff:
            backoff.begin(account=account, network=network, known=known)

    def succeeded(self) -> None:
        """The password was right."""
        if self._open and self._backoff:
            self._backoff.succeeded(account=self._account, network=self._network, known=self._known)
        self._open = False

    def failed(self) -> None:
        """The password was wrong: it stays counted."""
        if self._open and self._backoff:
            self._backoff.failed(account=self._account, network=self._network, known=self._known)
        self._open = False

    def abandoned(self) -> None:
        """The password was never checked."""
        if self._open and self._backoff:
            self._backoff.abandoned(account=self._account, network=self._network, known=self._known)
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandoned()
