"""`python -m bench.plots`: draw the plots of the page `benchmarks.md` anew, from its own tables."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.peers import environment
from bench.peers.__main__ import PAGES, PLOTTING
from bench.peers.peer import Command
from bench.peers.processes import run

PAGE = PAGES / "benchmarks.md"
IMAGES = PAGES / "images"


@dataclass(frozen=True)
class Plot:
    """Columns of the first table below a heading, side by side for each of its rows."""

    name: str
    heading: str
    title: str
    rows: str
    """The column that names the rows."""
    columns: tuple[str, ...]


PLOTS = (
    Plot(
        name="logins",
        heading="Logins against the bare hash rate, and health meanwhile",
        title="Logins a second beside bare hashes a second, round by round",
        rows="round",
        columns=("bare hashes/s", "logins/s"),
    ),
    Plot(
        name="tokens",
        heading="Introspection",
        title="Introspections a second, and a second and core, round by round",
        rows="round",
        columns=("introspections/s", "introspections/s per core"),
    ),
    Plot(
        name="latency",
        heading="Latency, and what has no room",
        title="Milliseconds that a login takes, by how many come at once",
        rows="at once",
        columns=("p50 ms", "p99 ms"),
    ),
)


def figures(page: str, plot: Plot) -> dict[str, Any]:
    """What the page says, as it is drawn."""
    section = page.split(f"## {plot.heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = re.findall(r"^\|(.+)\|$", section, re.MULTILINE)
    head, _, *rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    found = [dict(zip(head, row, strict=True)) for row in rows]
    return {
        "title": plot.title,
        "labels": [f"{plot.rows} {row[plot.rows]}" for row in found],
        "series": {name: [float(r[name].replace(",", "")) for r in found] for name in plot.columns},
    }


def main() -> None:
    """Draw all, with matplotlib in an environment of its own."""
    page = PAGE.read_text()
    python = environment.virtual_environment("matplotlib", PLOTTING)
    script = Path(__file__).parent / "peers" / "sites" / "columns.py"
    IMAGES.mkdir(exist_ok=True)
    for plot in PLOTS:
        target = IMAGES / f"benchmarks-{plot.name}.svg"
        run(Command([str(python), str(script), json.dumps(figures(page, plot)), str(target)]))


if __name__ == "__main__":
    main()
