"""The issuer's public keys: fetched, kept, renewed, and asked for again when one is unknown."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from threading import Lock, Thread
from typing import Any

from vestibule.verify import jose
from vestibule.verify.clock import Clock
from vestibule.verify.errors import InvalidToken, KeysUnavailable
from vestibule.verify.flights import Flight, Tasks
from vestibule.verify.http import Answer, Asker, FetchFailed, Http, Question
from vestibule.verify.jose import PublicKey
from vestibule.verify.metadata import Metadata

log = logging.getLogger("vestibule.verify")

DEFAULT_AGE = 300.0
"""Seconds that keys are fresh for where the issuer does not say."""
SHORTEST_AGE, LONGEST_AGE = 30.0, 3600.0
"""The bounds of what it can say: neither a flood of requests, nor keys that never leave."""
RENEW_AT = 0.8
"""The part of that time after which they are renewed, while the old ones still serve."""
STALE_FOR = 3600.0
"""Seconds that keys serve on, past their time, while the issuer can't be reached."""
RETRY_AFTER = 5.0
"""Seconds between two tries while it can't."""
MAX_KEYS = 64

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=\"?(\d{1,9})\"?(?:$|[,\s])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Held:
    """A JWK Set that was fetched, and for how long it is good (by the monotonic clock)."""

    keys: Mapping[str, PublicKey]
    jwks: Mapping[str, dict[str, Any]]
    fresh_until: float
    stale_until: float


class Urgency(Enum):
    """How much a set is needed."""

    NONE = 0
    SOON = 1
    """In the background: what is held still serves."""
    NOW = 2


class Keys:
    """The keys by `kid`, as fresh as the issuer wants them."""

    def __init__(self, *, http: Http, metadata: Metadata, clock: Clock, cooldown: float) -> None:
        """`cooldown`: seconds between two fetches because of a `kid` that is not in the set.

        It may be new, or made up by a stranger to keep us busy.
        """
        self._http = http
        self._metadata = metadata
        self._clock = clock
        self._cooldown = cooldown
        self._lock = Lock()
        self._flight: Flight[None] | None = None
        self._failed = False
        self._unknown_at = float("-inf")
        """From then on an unknown `kid` may make us ask."""
        self._tasks = Tasks()
        self.held: Held | None = None
        self.look_again_at = float("-inf")
        """Until then what is held serves as it is; from then on it is to be renewed."""

    def find(self, kid: str) -> PublicKey:
        """The key of that name. Raises `InvalidToken` for an unknown one, or `KeysUnavailable`."""
        urgency, flight, leads = self._join(kid)
        if flight is not None and leads:
            if urgency is Urgency.NOW:
                self._fetch(flight)
            else:
                Thread(target=self._fetch, args=(flight,), daemon=True, name="jwks").start()
        elif flight is not None and urgency is Urgency.NOW:
            with suppress(TimeoutError):
                flight.wait()
        return self._settled(kid)

    async def afind(self, kid: str) -> PublicKey:
        """The same on an event loop."""
        urgency, flight, leads = self._join(kid)
        if flight is not None and leads:
            self._tasks.start(self._afetch(flight))
        if flight is not None and urgency is Urgency.NOW:
            with suppress(TimeoutError):
                await flight.wait_async()
        return self._settled(kid)

    async def aclose(self) -> None:
        """Stop what is fetched in the background."""
        await self._tasks.aclose()

    def _join(self, kid: str) -> tuple[Urgency, Flight[None] | None, bool]:
        """How urgent a fetch is, the one to wait for or to lead, and whether to lead it."""
        if self._urgency(kid) is Urgency.NONE:
            return Urgency.NONE, None, False
        with self._lock:
            # Again, because somebody else may have just fetched them.
            urgency = self._urgency(kid)
            now = self._clock.monotonic()
            if urgency is Urgency.NONE:
                return urgency, None, False
            if self._flight is not None and self._flight.under_way(now):
                return urgency, self._flight, False
            if not self._may_ask(kid, now):
                return Urgency.NONE, None, False
            self._flight = Flight(started_at=now)
            return urgency, self._flight, True

    def _urgency(self, kid: str) -> Urgency:
        held = self.held
        now = self._clock.monotonic()
        if held is None or now >= held.fresh_until or kid not in held.keys:
            return Urgency.NOW
        return Urgency.SOON if now >= self.look_again_at else Urgency.NONE

    def _may_ask(self, kid: str, now: float) -> bool:
        """Whether it is time; counts a question about an unknown `kid` as asked."""
        held = self.held
        due = now >= self.look_again_at
        if held is not None and kid not in held.keys:
            due = due or (not self._failed and now >= self._unknown_at)
            if due:
                self._unknown_at = now + self._cooldown
        if due and held is not None and now < held.fresh_until:
            # While this is under way, those whose keys are held need not come here.
            self.look_again_at = max(self.look_again_at, min(now + RETRY_AFTER, held.fresh_until))
        return due

    def _settled(self, kid: str) -> PublicKey:
        held = self.held
        if held is None or self._clock.monotonic() >= held.stale_until:
            raise KeysUnavailable
        key = held.keys.get(kid)
        if key is None:
            # While the issuer can't be asked, nobody knows whether the key is new.
            raise KeysUnavailable if self._failed else InvalidToken
        return key

    def _fetch(self, flight: Flight[None]) -> None:
        with self._landing(flight):
            self._take(self._http.run(self._questions()))

    async def _afetch(self, flight: Flight[None]) -> None:
        with self._landing(flight):
            self._take(await self._http.arun(self._questions()))

    def _questions(self) -> Asker[Answer]:
        """Where the keys are, then the keys."""
        url = yield from self._metadata.locate("jwks_uri")
        # Caches on the way would answer with what they hold; ours is the only one wanted.
        return (yield Question(url, headers={"Cache-Control": "no-cache"}))

    @contextmanager
    def _landing(self, flight: Flight[None]) -> Iterator[None]:
        try:
            yield
        except FetchFailed as error:
            log.warning("the issuer's keys can't be fetched: %s", error)
            self._fail()
        finally:
            with self._lock:
                if self._flight is flight:
                    self._flight = None
            flight.land(None)

    def _fail(self) -> None:
        now = self._clock.monotonic()
        self._failed = True
        self._metadata.forget()
        self.look_again_at = now + RETRY_AFTER
        if self.held is not None and now >= self.held.stale_until:
            self.held = None
        if self.held is not None:
            self.look_again_at = min(self.look_again_at, self.held.stale_until)

    def _take(self, answer: Answer) -> None:
        before = self.held
        keys, jwks = {}, dict(_usable(answer.body))
        for kid, jwk in jwks.items():
            known = before is not None and before.jwks.get(kid) == jwk
            # The same object, by which what was verified with it is still known.
            keys[kid] = before.keys[kid] if before and known else jose.public_key(jwk)
        now = self._clock.monotonic()
        age = _age(answer.headers)
        self.held = Held(keys, jwks, now + age, now + age + STALE_FOR)
        self.look_again_at = now + RENEW_AT * age
        self._failed = False


def _usable(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The keys that can verify, by name; others are passed over (RFC 7517 §5)."""
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise FetchFailed("not a JWK Set, or a huge one")
    usable = []
    for jwk in listed:
        with suppress(jose.Malformed):
            jose.public_key(jwk)
            usable.append((jose.key_id(jwk), jwk))
    if not usable:
        raise FetchFailed("no usable key")
    return usable


def _age(headers: Mapping[str, str]) -> float:
    """Seconds that an answer stays fresh (RFC 9111 §4.2), within our bounds."""
    told = headers.get("cache-control", "")
    if "no-store" in told.lower() or "no-cache" in told.lower():
        return SHORTEST_AGE
    found = _MAX_AGE.search(told)
    if not found:
        return DEFAULT_AGE
    spent = headers.get("age", "0")
    rest = int(found.group(1)) - (int(spent) if re.fullmatch(r"\d{1,9}", spent) else 0)
    return min(max(float(rest), SHORTEST_AGE), LONGEST_AGE)
