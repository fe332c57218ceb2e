"""How much is measured: what the command line may shorten or change."""

from __future__ import annotations

from argparse import Namespace, _ArgumentGroup
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What was asked for; None where each measure has its own number."""

    rounds: int | None = None
    seconds: float | None = None
    """Of load, in each round."""
    users: tuple[int, ...] = ()
    instances: int = 1
    """On which the overload falls: one on SQLite, more on PostgreSQL and Redis."""
    cluster: Path | None = None
    """Folder of a PostgreSQL cluster that is kept, with the users in it."""


def add_options(parser: _ArgumentGroup) -> None:
    """The options of the command line."""
    parser.add_argument("--rounds", type=int, help="how often all is measured in turn")
    parser.add_argument("--seconds", type=float, help="of load, in each round")
    parser.add_argument(
        "--users", type=int, nargs="+", default=[], help="sizes that `growth` and `imports` compare"
    )
    parser.add_argument(
        "--instances", type=int, default=1, help="that `overload` loads: 1 is on SQLite"
    )
    parser.add_argument(
        "--cluster",
        type=Path,
        help="folder in which `growth` keeps its PostgreSQL cluster for the next time; "
        "by default it is removed",
    )


def effort(options: Namespace) -> Effort:
    """The effort that the options ask for."""
    return Effort(
        rounds=options.rounds,
        seconds=options.seconds,
        users=tuple(sorted(options.users)),
        instances=options.instances,
        cluster=options.cluster,
    )
