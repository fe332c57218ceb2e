"""The tables and sentences of the page `peers.md`, of what a run found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.peers.measure import Round
from bench.peers.rows import Report, Row

OURS = "Vestibule"
BEGIN = "<!-- Written by `python -m bench.peers`: what stands from here on is written anew. -->"
END = "<!-- Until here. -->"

LOGINS = "| service | hash | logins/s | bare hashes/s | share | {} "
LOGINS += "| p50 ms | p99 ms | health p50 ms | health p99 ms |"
BESIDE = LOGINS.format("beside the hash, CPU ms")
WHOLE = LOGINS.format("CPU ms: a login, its hash")
COSTS = "| service | health answers after s | first login after s | memory MB | its database MB |"

BESIDE_THE_HASH = "processor time beside the hash"
METRICS: dict[str, tuple[Callable[[Round], float], bool]] = {
    "share of the bare hash rate": (lambda one: one.share, True),
    BESIDE_THE_HASH: (lambda one: one.beside_ms, False),
    "health p50": (lambda one: one.health_p50, False),
    "health p99": (lambda one: one.health_p99, False),
    "p99 of a login": (lambda one: one.p99, False),
    "memory": (lambda one: one.memory_mb + one.database_mb, False),
    "start": (lambda one: one.ready_seconds, False),
}
"""Each with whether more is better."""


def insert(document: str, written: str) -> str:
    """The document with what stands between the marks replaced; raises ValueError without them."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the document has no marks to write between")
    return f"{before}{BEGIN}\n\n{written.strip()}\n\n{END}{after}"


def render(report: Report) -> str:
    """All that stands between the marks."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"Measured on {report.machine}. Rounds, whose medians these are: {report.rounds}."
    yield "\n## With the same hash\n"
    yield "All were set to the same hash: only the service differs, and how it takes memory.\n"
    alike = same_hash(report.rows)
    yield from _table(BESIDE, [_login_cells(r, lambda o: f"{o.beside_ms:.2f}") for r in alike])
    yield "\n## Each as it comes\n"
    yield "Each service with the hash that it takes by itself. A dearer hash makes all that stands"
    yield "beside it look smaller, so shares of different hashes say little of the services.\n"
    own = [row for row in report.rows if row.own_default]
    yield from _table(WHOLE, [_login_cells(row, _both) for row in own])
    yield "\n![Share of the bare hash rate](images/peers-share.svg)\n"
    yield "![Health under load](images/peers-health.svg)\n"
    yield "## Start and memory\n"
    yield from _table(COSTS, [_cost_cells(row) for row in own])
    yield "\n![Memory](images/peers-memory.svg)\n"
    yield "## Where others are ahead\n"
    yield from (f"- {line}" for line in behind(report.rows))
    yield "\n## Versions\n"
    yield from (f"- {name}: {', '.join(found)}" for name, found in report.versions.items())


def same_hash(rows: list[Row]) -> list[Row]:
    """The rows whose hash another row has too, hash by hash, in their order."""
    kinds = list(dict.fromkeys(row.hashing for row in rows))
    groups = ([row for row in rows if row.hashing == kind] for kind in kinds)
    return [row for group in groups if len(group) > 1 for row in group]


def behind(rows: list[Row]) -> list[str]:
    """A sentence for each figure in which a service is ahead of Vestibule with the same rules.

    Rows are compared where the hash is the same, and where each has its own.
    """
    found = []
    kinds = dict.fromkeys(row.hashing for row in same_hash(rows))
    groups = [(f"with {kind}", [r for r in rows if r.hashing == kind]) for kind in kinds]
    own = [row for row in rows if row.own_default]
    groups.append(("each as it comes", own))
    for label, group in groups:
        ours = next((row.median for row in group if row.name == OURS and row.median), None)
        if ours is None:
            continue
        for metric, (figure, more) in METRICS.items():
            if metric == BESIDE_THE_HASH and group is own:
                continue  # The difference of two large figures of different hashes.
            ahead = [
                f"{row.name} {_number(figure(row.median))}"
                for row in group
                if row.name != OURS
                and row.median
                and (figure(row.median) > figure(ours)) == more
                and figure(row.median) != figure(ours)
            ]
            if ahead:
                found.append(
                    f"{metric}, {label}: {', '.join(ahead)}; {OURS} {_number(figure(ours))}"
                )
    return found or [f"Nowhere in these figures was a service ahead of {OURS}."]


def _both(one: Round) -> str:
    return f"{one.cpu_ms:.1f}, {one.hash_cpu_ms:.1f}"


def _login_cells(row: Row, cpu: Callable[[Round], str]) -> list[str]:
    one = row.median
    if one is None:
        return [row.name, row.hashing, f"not measured: {row.unavailable}", *["-"] * 7]
    name = row.name + (f" ({one.refused} refused)" if one.refused else "")
    cells = [name, row.hashing, f"{one.logins:.1f}", f"{one.bare:.1f}", f"{one.share:.3f}"]
    cells += [cpu(one), f"{one.p50:,.0f}", f"{one.p99:,.0f}"]
    return [*cells, f"{one.health_p50:,.1f}", f"{one.health_p99:,.1f}"]


def _cost_cells(row: Row) -> list[str]:
    one = row.median
    name = f"{row.name}: {row.deployment}"
    if one is None:
        return [name, f"not measured: {row.unavailable}", *["-"] * 3]
    database = f"{one.database_mb:.0f}" if one.database_mb else "-"
    cells = [f"{one.ready_seconds:.2f}", f"{one.first_login_seconds:.2f}", f"{one.memory_mb:.0f}"]
    return [name, *cells, database]


def _table(head: str, rows: list[list[str]]) -> Iterator[str]:
    yield head
    yield "|" + "---|" * (head.count("|") - 1)
    yield from ("| " + " | ".join(cells) + " |" for cells in rows)


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
