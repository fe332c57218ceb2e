"""What a run found, as the documentation quotes it: a row for each service and hash."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Mapping, Sequence
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


def pooled(hashings: Sequence[str], found: Mapping[int, list[Round]]) -> dict[int, list[Round]]:
    """The rounds of each place with one bare hash of each kind: the mean of all of that round.

    A hash has one rate, whoever uses it. What differs is what else the machine did meanwhile.
    """
    pools: dict[tuple[str, int], list[Round]] = {}
    for place, rounds in found.items():
        for number, one in enumerate(rounds):
            pools.setdefault((hashings[place], number), []).append(one)

    def with_all(one: Round, alike: list[Round]) -> Round:
        rate = statistics.mean(other.bare for other in alike)
        each = statistics.mean(other.hash_cpu_ms for other in alike)
        return dataclasses.replace(one, bare=rate, share=one.logins / rate, hash_cpu_ms=each)

    return {
        place: [with_all(one, pools[hashings[place], n]) for n, one in enumerate(rounds)]
        for place, rounds in found.items()
    }


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
