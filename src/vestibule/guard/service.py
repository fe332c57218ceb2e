"""Who may try at all: decided before any password is looked at."""

from __future__ import annotations

from types import TracebackType
from typing import Literal, Self
from uuid import UUID

from vestibule.errors import RateLimited, UpgradeRequired
from vestibule.guard.tally import Begun, Hit, IsKnown, Outcome, Tally
from vestibule.http.networks import is_loopback

RequireTls = Literal["never", "remote", "always"]


class Guard:
    """The door of the login."""

    def __init__(self, *, tally: Tally, require_tls: RequireTls) -> None:
        self._tally = tally
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

    def door(self, network: str) -> Door:
        """The door of one try that comes from this network."""
        return Door(self._tally, network)

    async def require_few_failures(self, network: str) -> None:
        """Raise `RateLimited` where too much that came from this network was wrong.

        It counts nothing, and asks nobody: whoever counts the last one that there is room for
        tells the other instances.
        """
        await self._tally.require_open(Hit("failures", network))

    async def failed(self, network: str) -> None:
        """Count a wrong client secret, code or token of this network. Raises `RateLimited`."""
        await self._tally.count(Hit("failures", network))

    async def admit_device(self, network: str) -> None:
        """Count a device login that this network starts. Raises `RateLimited`."""
        await self._tally.count(Hit("devices", network))

    async def admit_mail(self, *, network: str, recipient: str) -> None:
        """Count a message that somebody at this network causes. Raises `RateLimited`.

        `recipient` stands for whoever would get it, an account or not.
        """
        await self._tally.count(Hit("mails", network), Hit("mails", f"to {recipient}"))

    async def admit_user_code(self, *, user_id: UUID, network: str) -> None:
        """Count a try to name a user code (RFC 8628 §5.1). Raises `RateLimited`.

        It is counted before it is looked at: of a hundred at once all are guesses but one.
        """
        from_here, by_them = Hit("user_codes", network), Hit("user_codes", user_id.hex)
        await self._tally.count(from_here)
        try:
            await self._tally.count(by_them)
        except RateLimited:
            await self._tally.take_back(from_here)
            raise

    async def right_user_code(self, *, user_id: UUID, network: str) -> None:
        """It was no guess: take the try back."""
        await self._tally.take_back(Hit("user_codes", network), Hit("user_codes", user_id.hex))

    async def admit_account(
        self, *, account: str, network: str, is_known: IsKnown, door: Door | None = None
    ) -> Admission:
        """Count a try at this account, and before it what it counts for at its door.

        Raises `RateLimited`. `is_known` tells whether the account has signed in from this
        network before; it is asked at most once, and only where strangers have used up what all
        unknown networks share: then a known network has a count of its own.
        """
        also = door.pass_on() if door else ()
        return Admission(
            await self._tally.begin(account=account, network=network, is_known=is_known, also=also)
        )


class Door:
    """One try, and the limits of address and client that it counts towards.

    They are counted together with those of the account, because to ask Redis costs more than to
    count there. A try that ends before that is counted as it leaves. What is known here to be
    used up is refused at once, before anything is looked up.
    """

    def __init__(self, tally: Tally, network: str) -> None:
        self._tally = tally
        self._hits = [Hit("address", network)]

    async def through(self, client_id: str) -> None:
        """It comes through this client. Raises `RateLimited`."""
        hit = Hit("client", client_id)
        await self._tally.require_open(hit)
        self._hits.append(hit)

    def pass_on(self) -> tuple[Hit, ...]:
        """What was not counted yet, for whoever counts it now."""
        hits, self._hits = tuple(self._hits), []
        return hits

    async def __aenter__(self) -> Self:
        """Raises `RateLimited`."""
        await self._tally.require_open(self._hits[0])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Raises `RateLimited` in place of whatever else is told: the limit comes before that."""
        if self._hits and (error is None or isinstance(error, Exception)):
            await self._tally.count(*self.pass_on())


class Admission:
    """A try that was let in. Ends as one of three; left undecided, it was abandoned."""

    def __init__(self, begun: Begun) -> None:
        self._begun: Begun | None = begun

    async def succeeded(self) -> None:
        """The password was right."""
        await self._end(Outcome.SUCCEEDED)

    async def failed(self) -> None:
        """The password was wrong: it stays counted."""
        await self._end(Outcome.FAILED)

    async def abandoned(self) -> None:
        """The password was never checked."""
        await self._end(Outcome.ABANDONED)

    async def _end(self, outcome: Outcome) -> None:
        begun, self._begun = self._begun, None
        if begun is not None:
            await begun.end(outcome)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.abandoned()
