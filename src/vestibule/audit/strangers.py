"""How much of the trail strangers may fill: what nobody has proved to be costs them nothing."""

from __future__ import annotations

from collections import Counter

from vestibule.clock import Clock

MINUTE = 60.0
PER_NETWORK = 60
"""Rows a minute of what came from one network and concerns no account."""
OVERALL = 3_000
"""The same from all networks together."""


class Strangers:
    """Counts the rows of the present minute.

    Holds no more networks and kinds than it has admitted rows, which are bounded as well.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._rows: Counter[str] = Counter()
        self._kinds: set[tuple[str, str]] = set()
        self._total = 0
        self._left_out = 0

    def admit(self, network: str, *, kind: str) -> bool:
        """Whether one more row from this network may be written; counts it either way.

        The first of each kind is written also where the network has had its share: the trail says
        of everything that it happened, if not how often.
        """
        full = self._rows[network] >= PER_NETWORK and (network, kind) in self._kinds
        if full or self._total >= OVERALL:
            self._left_out += 1
            return False
        self._kinds.add((network, kind))
        self._total += 1
        self._rows[network] += 1
        return True

    def turn(self) -> int:
        """Begin a new minute where one is over; how many rows the last one left out."""
        now = self._clock.monotonic()
        if now - self._began < MINUTE:
            return 0
        left_out, self._left_out = self._left_out, 0
        self._began, self._total = now, 0
        self._rows.clear()
        self._kinds.clear()
        return left_out
