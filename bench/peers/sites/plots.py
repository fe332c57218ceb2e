"""The plots of the page `peers.md`: `plots.py REPORT FOLDER`, under matplotlib's environment."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

OURS, OTHERS = "#2f6f4f", "#9aa5b1"
SETTINGS = {
    "svg.hashsalt": "peers",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

PLOTS = {
    "peers-share": ("share", "Logins as a share of the bare hash rate", False),
    "peers-health": ("health_p99", "Health under login load, p99 in ms (logarithmic)", True),
    "peers-memory": ("memory_mb", "Memory under load, MB, without its database", False),
}


def bars(rows: list[dict[str, Any]], figure: str, title: str, *, logarithmic: bool) -> Any:
    """Lying bars, the first row on top, with their values."""
    drawn, axes = pyplot.subplots(figsize=(7.2, 0.42 * len(rows) + 0.9), layout="constrained")
    labels = [f"{row['name']}\n{row['hashing']}" for row in rows]
    values = [row["median"][figure] for row in rows]
    colours = [OURS if row["name"] == "Vestibule" else OTHERS for row in rows]
    made = axes.barh(labels, values, color=colours)
    axes.bar_label(made, labels=[number(value) for value in values], padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.tick_params(axis="y", labelsize=7)
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(left=1)
    axes.set_title(title, loc="left", fontsize=10)
    return drawn


def number(value: float) -> str:
    """Three digits that count, and no exponent."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def main(report: Path, folder: Path) -> None:
    """Draw them all."""
    rows = [row for row in json.loads(report.read_text())["rows"] if row["median"]]
    matplotlib.rcParams.update(SETTINGS)
    for name, (figure, title, logarithmic) in PLOTS.items():
        drawn = bars(rows, figure, title, logarithmic=logarithmic)
        # No date: the same figures make the same file.
        drawn.savefig(folder / f"{name}.svg", metadata={"Date": None, "Title": title})
        pyplot.close(drawn)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
