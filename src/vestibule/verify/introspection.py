"""Asking the issuer whether a token still stands (RFC 7662)."""

from __future__ import annotations

import logging
import re
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import Any, Protocol
from urllib.parse import quote_plus

from vestibule.verify.clock import Clock
from vestibule.verify.errors import IntrospectionUnavailable, InvalidToken
from vestibule.verify.flights import Abandoned, Flight, Flights, Tasks
from vestibule.verify.http import Asker, FetchFailed, Http, Question
from vestibule.verify.metadata import Metadata

log = logging.getLogger("vestibule.verify")

API_KEY = re.compile(r"vst_[0-9A-Za-z]{22}_[0-9A-Za-z]{49}")
"""The form of an API key, of which nothing can be known offline."""

LONGEST_AGE = 60.0
"""Seconds that an answer is good for at most: a removed member is out by then."""
PAUSE = 1.0
"""Seconds without a question after one that was not answered, so that no threads pile up."""
MAX_INACTIVE = 10_000
"""Tokens known to have ended that are remembered."""


Answers = Flight[dict[str, Any] | None]
"""A question under way; its answer is None for a token that has ended."""


class Secret(Protocol):
    """A type of secrets that do not print themselves, as Pydantic's `SecretStr`."""

    def get_secret_value(self) -> str:
        """The secret."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrospectionOptions:
    """As whom the issuer is asked, and how often."""

    client_id: str
    client_secret: str | Secret = field(repr=False)
    max_age: float = 30
    """Seconds until the issuer is asked again about the same token: revocation takes so long."""
    accept_unasked: bool = False
    """Let valid tokens in while the issuer does not answer (insecure). API keys never are."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_age <= LONGEST_AGE:
            raise ValueError(f"max_age must be between 0 and {LONGEST_AGE:.0f} seconds")

    def authorization(self) -> str:
        """The client's credentials (RFC 6749 §2.3.1)."""
        secret = self.client_secret
        plain = secret if isinstance(secret, str) else secret.get_secret_value()
        pair = f"{quote_plus(self.client_id)}:{quote_plus(plain)}"
        return f"Basic {b64encode(pair.encode()).decode()}"


class Introspector:
    """The issuer's answers. One question at a time about one token."""

    def __init__(
        self, *, options: IntrospectionOptions, http: Http, metadata: Metadata, clock: Clock
    ) -> None:
        self.options = options
        self._http = http
        self._metadata = metadata
        self._clock = clock
        self._flights: Flights[dict[str, Any] | None] = Flights(clock=clock)
        self._tasks = Tasks()
        self._lock = Lock()
        self._inactive: OrderedDict[bytes, float] = OrderedDict()
        self._paused_until = float("-inf")

    def ask(self, token: str) -> tuple[dict[str, Any], float]:
        """The answer about an active token, and when it was asked for (monotonic).

        Raises `InvalidToken` for one that has ended, and `IntrospectionUnavailable`.
        """
        digest = self._check(token)
        flight, leads = self._flights.join(digest)
        if leads:
            self._ask(token, digest, flight)
        with _answered():
            return _active(flight.wait()), flight.started_at

    async def aask(self, token: str) -> tuple[dict[str, Any], float]:
        """The same on an event loop."""
        digest = self._check(token)
        flight, leads = self._flights.join(digest)
        if leads:
            self._tasks.start(self._aask(token, digest, flight))
        with _answered():
            return _active(await flight.wait_async()), flight.started_at

    async def aclose(self) -> None:
        """Stop what is under way."""
        await self._tasks.aclose()

    def _ask(self, token: str, digest: bytes, flight: Answers) -> None:
        with self._landing(digest, flight):
            flight.land(self._http.run(self._questions(token)))

    async def _aask(self, token: str, digest: bytes, flight: Answers) -> None:
        with self._landing(digest, flight):
            flight.land(await self._http.arun(self._questions(token)))

    def _check(self, token: str) -> bytes:
        digest = sha256(token.encode()).digest()
        now = self._clock.monotonic()
        with self._lock:
            if now < self._inactive.get(digest, now):
                raise InvalidToken
        if now < self._paused_until:
            raise IntrospectionUnavailable
        return digest

    def _questions(self, token: str) -> Asker[dict[str, Any] | None]:
        """The answer; None for a token that has ended."""
        url = yield from self._metadata.locate("introspection_endpoint")
        answer = yield Question(
            url,
            form={"token": token},
            headers={"Authorization": self.options.authorization()},
        )
        active = answer.body.get("active")
        if not isinstance(active, bool):
            raise FetchFailed("the answer does not say whether the token is active")
        return answer.body if active else None

    @contextmanager
    def _landing(self, digest: bytes, flight: Answers) -> Iterator[None]:
        try:
            yield
        except FetchFailed as error:
            log.warning("the issuer does not tell of tokens: %s", error)
            self._paused_until = self._clock.monotonic() + PAUSE
            self._metadata.forget()
            flight.fail(error)
        except BaseException as error:
            flight.fail(error)
            raise
        else:
            if flight.wait() is None:
                self._remember(digest)
        finally:
            self._flights.end(digest, flight)

    def _remember(self, digest: bytes) -> None:
        with self._lock:
            # What has ended does not come back, and asking again and again costs the issuer.
            self._inactive[digest] = self._clock.monotonic() + self.options.max_age
            self._inactive.move_to_end(digest)
            while len(self._inactive) > MAX_INACTIVE:
                self._inactive.popitem(last=False)


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except (FetchFailed, TimeoutError, Abandoned) as error:
        raise IntrospectionUnavailable from error


def _active(answer: dict[str, Any] | None) -> dict[str, Any]:
    if answer is None:
        raise InvalidToken
    return answer
