"""Columns side by side, from figures as JSON: `columns.py FIGURES FILE`, under matplotlib."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib
from plots import OTHERS, OURS, SETTINGS, number, pyplot


def draw(figures: dict[str, Any]) -> Any:
    """One group of columns for each label, each with its value on top."""
    labels, series = figures["labels"], figures["series"]
    drawn, axes = pyplot.subplots(figsize=(7.2, 2.8), layout="constrained")
    width = 0.8 / len(series)
    for place, (name, values) in enumerate(series.items()):
        left = [at + (place - (len(series) - 1) / 2) * width for at in range(len(labels))]
        colour = OTHERS if place == 0 else OURS
        made = axes.bar(left, values, width, label=name, color=colour)
        axes.bar_label(made, labels=[number(value) for value in values], padding=2, fontsize=6)
    axes.set_xticks(range(len(labels)), labels)
    axes.margins(y=0.15)
    axes.legend(frameon=False, ncols=len(series), fontsize=8, loc="upper left")
    axes.set_title(figures["title"], loc="left", fontsize=10)
    return drawn


if __name__ == "__main__":
    matplotlib.rcParams.update(SETTINGS)
    wanted = json.loads(sys.argv[1])
    # No date: the same figures make the same file.
    draw(wanted).savefig(Path(sys.argv[2]), metadata={"Date": None, "Title": wanted["title"]})
