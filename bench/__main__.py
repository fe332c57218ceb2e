"""`make bench`: the figures of one instance on SQLite, measured in one run.

Names of single benchmarks may follow: `python -m bench logins start`. Those at scale run where
they are named: `python -m bench scaled --rounds 3 --seconds 4`.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence

from bench import directories, hashes, measures, pages, tokens, verify
from bench.scale.drivers import drivers
from bench.scale.effort import Effort, add_options, effort
from bench.scale.growth import growth
from bench.scale.imports import imports
from bench.scale.instances import instances
from bench.scale.overload import overload
from bench.scale.scaled import scaled

ALL: dict[str, Callable[[], Iterator[str]]] = {
    "logins": measures.logins,
    "refreshes": tokens.refreshes,
    "introspections": tokens.introspections,
    "verify": verify.verification,
    "concurrency": measures.concurrency,
    "users": measures.users,
    "timing": measures.timing,
    "start": measures.start,
    "import": measures.import_users,
    "directories": directories.directories,
    "pages": pages.pages,
    "hashes": hashes.hashes,
}
AT_SCALE: dict[str, Callable[[Effort], Iterator[str]]] = {
    "scaled": scaled,
    "instances": instances,
    "growth": growth,
    "overload": overload,
    "imports": imports,
    "drivers": drivers,
}
"""With a PostgreSQL and a Redis of their own."""


def parsed(arguments: Sequence[str] | None = None) -> Namespace:
    """The command line: `names` of what to measure, and the options of an `Effort`."""
    parser = ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", help=", ".join([*ALL, *AT_SCALE]))
    at_scale = parser.add_argument_group("of what is measured at scale")
    add_options(at_scale)
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in ALL and name not in AT_SCALE]:
        parser.error(f"there is no {', '.join(unknown)}")
    return options


def main() -> None:
    """Run what was named, or everything of one instance."""
    options = parsed()
    for name in options.names or list(ALL):
        print(f"## {name}\n", flush=True)
        for line in ALL[name]() if name in ALL else AT_SCALE[name](effort(options)):
            print(line, flush=True)
        print(flush=True)


if __name__ == "__main__":
    main()
