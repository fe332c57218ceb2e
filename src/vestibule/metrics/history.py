"""The last minutes of one instance, for people who look at it now."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

STEP = 10
"""Seconds of one slice."""
SLICES = 60
"""How many are kept: ten minutes."""
ANSWERS = frozenset({"right", "wrong", "found", "unknown"})
"""The outcomes of a question that was answered."""


@dataclass(slots=True)
class Slice:
    """What happened within one step."""

    began: int
    """Seconds since the epoch, a multiple of the step."""
    logins: Counter[str] = field(default_factory=Counter)
    """Ends of logins by result."""
    hashes: int = 0
    """That had their turn."""
    deepest: int = 0
    """Hashes under way or waiting at most, when one was done."""
    longest_wait: float = 0.0
    """Seconds that one of them stood in the queue at most."""
    answers: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """Questions to directories, by key and whether they were answered."""


class History:
    """Slices of time, each made when something first happens in it. May be called from any thread.

    An event costs about a microsecond; nothing runs while nothing happens.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._slices: deque[Slice] = deque(maxlen=SLICES)

    def login(self, result: str) -> None:
        """A login has ended so."""
        self._present().logins[result] += 1

    def hashed(self, *, waited: float, depth: int) -> None:
        """A hash has had its turn after so many seconds, and so many were under way."""
        present = self._present()
        present.hashes += 1
        present.deepest = max(present.deepest, depth)
        present.longest_wait = max(present.longest_wait, waited)

    def directory(self, key: str, outcome: str) -> None:
        """A directory has answered, or not."""
        self._present().answers[key, outcome in ANSWERS] += 1

    def slices(self) -> list[Slice]:
        """All of the last minutes, oldest first, those in which nothing happened as well."""
        last = int(self._now()) // STEP * STEP
        known = {item.began: item for item in tuple(self._slices)}
        begins = range(last - (SLICES - 1) * STEP, last + 1, STEP)
        return [known.get(began) or Slice(began) for began in begins]

    def _present(self) -> Slice:
        began = int(self._now()) // STEP * STEP
        if not self._slices or self._slices[-1].began != began:
            self._slices.append(Slice(began))
        return self._slices[-1]
