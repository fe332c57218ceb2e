"""Bars over time, as SVG that needs no script and no style of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 120
GAP = 2


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of the drawing."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    """What it counts, which the style sheet gives a colour."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars that stand on each other, and what the highest reaches."""

    bars: list[Bar]
    top: float
    width: int = WIDTH
    height: int = HEIGHT


def stacked(columns: Sequence[dict[str, float]]) -> Chart:
    """A chart of these columns from left to right, each of its kinds from the bottom up."""
    top = max((sum(column.values()) for column in columns), default=0) or 1
    step = WIDTH / max(1, len(columns))
    bars = []
    for place, column in enumerate(columns):
        y = float(HEIGHT)
        for kind, value in column.items():
            height = HEIGHT * value / top
            y -= height
            if value:
                bars.append(
                    Bar(round(place * step, 2), round(y, 2), step - GAP, round(height, 2), kind)
                )
    return Chart(bars, top)
