"""Counting in Redis, for all instances together.

A login asks twice: once before its password is checked, for all that it counts towards, and once
for how it ended. Each is one script, so nobody comes in between. Windows and delays go by the
clock of Redis. In a Cluster the keys of one script must live on one node: there each limit is
asked for by itself, in the same order.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from vestibule.clock import Clock
from vestibule.errors import DatabaseUnavailable
from vestibule.guard.backoff import ACCOUNT_LADDER, FORGET_AFTER, NETWORK_LADDER, Ladder, delayed
from vestibule.guard.local import LocalTally
from vestibule.guard.tally import Begun, Hit, IsKnown, Outcome, Policy, Rate
from vestibule.state.flights import Argument, Away
from vestibule.state.scripts import Script
from vestibule.state.service import PREFIX, SharedState

HIT = Script.load(__package__, "common.lua", "hit.lua")
TAKE_BACK = Script.load(__package__, "common.lua", "take_back.lua")
BEGIN = Script.load(__package__, "common.lua", "begin.lua")
END = Script.load(__package__, "common.lua", "end.lua")

FULL = "full"
"""The topic by which instances tell what has been used up."""
MAX_FULL = 10_000
"""Limits that are known here to be used up; of more, the oldest are asked for again."""
TOLD: frozenset[Policy] = frozenset({"failures"})
"""What is only asked for with `require_open`: others must be told, or they would not know."""
KEPT: frozenset[Policy] = frozenset({"address", "client", "failures", "devices"})
"""What is never taken back: once it is used up, it stays so until its window ends."""


class SharedTally:
    """Counts in Redis, and where that is away and each may count alone, in this process."""

    def __init__(
        self,
        *,
        shared: SharedState,
        local: LocalTally,
        rates: Mapping[Policy, Rate],
        delays: bool,
        clock: Clock,
        now: Callable[[], float] | None = None,
    ) -> None:
        """`local` counts meanwhile. `now` takes the place of the clock of Redis, in seconds."""
        self._shared = shared
        self._local = local
        self._rates = rates
        self._ladders = (_flat(NETWORK_LADDER), _flat(ACCOUNT_LADDER)) if delays else ("", "")
        self._clock = clock
        self._now = now
        # When it ends, by our monotonic clock.
        self._full: OrderedDict[tuple[Policy, str], float] = OrderedDict()
        shared.news.on(FULL, self._told)

    async def require_open(self, hit: Hit) -> None:
        """Raise `RateLimited` where this process knows that the next one is past the limit."""
        ends = self._full.get((hit.policy, hit.of))
        if ends is not None:
            remaining = ends - self._clock.monotonic()
            if remaining > 0:
                raise self._rates[hit.policy].exceeded(hit.policy, retry_after=remaining)
            del self._full[hit.policy, hit.of]
        if not self._shared.status().available:
            await self._local.require_open(hit)

    async def count(self, *hits: Hit) -> None:
        """Count one after the other, until one is refused. Raises `RateLimited`."""
        for group in self._together(hits):
            try:
                answer = await self._shared.run(
                    HIT,
                    keys=tuple(map(_counter, group)),
                    arguments=(self._time(), *self._quotas(group)),
                )
            except Away:
                await self._local.count(*group)
            else:
                await self._judge(group, answer)

    async def take_back(self, *hits: Hit) -> None:
        """Uncount one each."""
        for group in self._together(hits):
            try:
                keys = tuple(map(_counter, group))
                await self._shared.run(TAKE_BACK, keys=keys, arguments=(self._time(),))
            except Away:
                await self._local.take_back(*group)

    async def begin(
        self, *, account: str, network: str, is_known: IsKnown, also: tuple[Hit, ...] = ()
    ) -> Begun:
        """Count a try at an account. Raises `RateLimited`."""
        if self._shared.clustered:
            await self.count(*also)
            also = ()
        failures = _failures(account, network)
        keys = (_of(account, "account"), _of(account, "account", network), *failures)
        rate = self._rates["account"]
        known = ""
        while True:
            try:
                answer = await self._shared.run(
                    BEGIN,
                    keys=(*keys, *map(_counter, also)),
                    arguments=(
                        self._time(), known, rate.amount, rate.window * 1000, FORGET_AFTER * 1000,
                        *self._ladders, *self._quotas(also),
                    ),
                )  # fmt: skip
            except Away:
                return await self._local.begin(
                    account=account, network=network, is_known=is_known, also=also
                )
            await self._judge(also, answer)
            code, wait = answer[2 * len(also) :]
            if code == 1:
                known, also = str(int(await is_known())), ()
                continue
            self._refuse(code, wait / 1000)
            counted = bool(self._ladders[0])
            return _SharedTry(self._shared, failures if counted else (), known)

    def _refuse(self, code: int, wait: float) -> None:
        if code == 2:
            raise delayed("network_delay", retry_after=wait)
        if code == 3:
            raise delayed("account_delay", retry_after=wait)
        if code == 4:
            raise self._rates["account"].exceeded("account", retry_after=wait)

    async def _judge(self, hits: tuple[Hit, ...], answer: list[int]) -> None:
        """Keep what is used up, and raise `RateLimited` for the one that was past its limit."""
        for hit, count, left in zip(hits, answer[::2], answer[1::2], strict=False):
            rate = self._rates[hit.policy]
            if count >= rate.amount and hit.policy in KEPT:
                self._keep(hit.policy, hit.of, left / 1000)
                if count == rate.amount and hit.policy in TOLD:
                    await self._shared.news.tell(FULL, f"{hit.policy} {left} {hit.of}")
            if count > rate.amount:
                raise rate.exceeded(hit.policy, retry_after=left / 1000)

    def _keep(self, policy: Policy, of: str, seconds: float) -> None:
        if len(self._full) >= MAX_FULL:
            self._full.popitem(last=False)
        self._full[policy, of] = self._clock.monotonic() + seconds

    def _told(self, message: str) -> None:
        """Another instance has counted the last one that there was room for."""
        name, _, rest = message.partition(" ")
        left, _, of = rest.partition(" ")
        for policy in TOLD & {name}:
            # No more than a window: whoever can write to Redis must not hold anybody for ever.
            if left.isdecimal() and int(left) <= self._rates[policy].window * 1000:
                self._keep(policy, of, int(left) / 1000)

    def _together(self, hits: tuple[Hit, ...]) -> list[tuple[Hit, ...]]:
        if self._shared.clustered:
            return [(hit,) for hit in hits]
        return [hits] if hits else []

    def _quotas(self, hits: tuple[Hit, ...]) -> tuple[Argument, ...]:
        rates = (self._rates[hit.policy] for hit in hits)
        return tuple(number for rate in rates for number in (rate.amount, rate.window * 1000))

    def _time(self) -> Argument:
        return "" if self._now is None else round(self._now() * 1000)


class _SharedTry:
    def __init__(self, shared: SharedState, failures: tuple[str, ...], known: str) -> None:
        self._shared = shared
        self._failures = failures
        self._known = known

    async def end(self, outcome: Outcome) -> None:
        if not self._failures:
            return
        try:
            await self._shared.run(
                END, keys=self._failures, arguments=(outcome.value, self._known or "0")
            )
        except (Away, DatabaseUnavailable):
            # The try stays counted as one that failed: it costs a delay, and lets nobody in.
            return


def _counter(hit: Hit) -> str:
    return _of(hit.of, hit.policy)


def _failures(account: str, network: str) -> tuple[str, ...]:
    return _of(account, "failures", network), _of(account, "failures")


def _of(owner: str, *names: str) -> str:
    """A key; what stands in braces decides which node of a Cluster has it."""
    return f"{PREFIX}{{{owner}}}:{':'.join(names)}"


def _flat(ladder: Ladder) -> str:
    return " ".join(f"{failures} {seconds}" for failures, seconds in ladder)
