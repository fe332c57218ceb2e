"""What a run found, as the documentation quotes it: a row for each service and hash."""

from __future__ import annotations

import dataclasses
import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from bench.peers.measure import Round
from bench.peers.peer import Peer


@dataclass(slots=True)
class Row:
    """One service with one hash: the median of its rounds, or why there are none."""

    name: str
    hashing: str
    own_default: bool
    deployment: str
    median: Round | None = None
    shares: list[float] = field(default_factory=list)
    unavailable: str | None = None


@dataclass(slots=True)
class Report:
    """A whole run: where, with which versions, and its rows."""

    cores: int
    machine: str
    rounds: int
    versions: dict[str, list[str]]
    rows: list[Row]

    def dump(self, path: Path) -> None:
        """Write it as JSON, in few digits."""
        text = json.dumps(_rounded(dataclasses.asdict(self)), indent=1, ensure_ascii=False)
        path.write_text(text + "\n")


def load(path: Path) -> Report:
    """Read what `dump` wrote."""
    read = json.loads(path.read_text())
    rows = [
        Row(**{**row, "median": Round(**row["median"]) if row["median"] else None})
        for row in read.pop("rows")
    ]
    return Report(**read, rows=rows)


def row(peer: Peer, rounds: list[Round], unavailable: str | None) -> Row:
    """The row of a service, of all its rounds."""
    made = Row(peer.name, peer.hashing, peer.own_default, peer.deployment)
    if unavailable is not None or not rounds:
        made.unavailable = unavailable or "it was not measured"
        return made
    made.median = median(rounds)
    made.shares = [one.share for one in rounds]
    return made


def median(rounds: list[Round]) -> Round:
    """The median of each figure by itself, but refusals, which are summed."""
    found = {
        name: statistics.median(getattr(one, name) for one in rounds)
        for name in (each.name for each in dataclasses.fields(Round))
    }
    summed = {
        "refused": sum(one.refused for one in rounds),
        "probes": sum(one.probes for one in rounds),
    }
    return Round(**{**found, **summed})


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
