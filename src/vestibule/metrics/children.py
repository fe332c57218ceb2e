"""The children of a metric, bound once and bounded in number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from prometheus_client import Counter, Histogram

M = TypeVar("M", Counter, Histogram)

MOST = 1000
"""Children of one metric. All labels come from lists in the code: this is for the day on which
one does not."""

OTHER = "other"


class Children(Generic[M]):
    """Finds a child by its labels without the lock and the checks that `labels()` costs."""

    def __init__(self, metric: M) -> None:
        self._make: Callable[..., M] = metric.labels
        self._bound: dict[tuple[str, ...], M] = {}

    def __call__(self, *labels: str) -> M:
        """The child of these labels, in the order of their names."""
        child = self._bound.get(labels)
        if child is None:
            if len(self._bound) >= MOST:
                return self._make(*(OTHER,) * len(labels))
            child = self._bound[labels] = self._make(*labels)
        return child
