"""How far a long command has come: a bar for people, lines of JSON for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from vestibule.cli.printing import err

INTERVAL = 1.0
"""Seconds between two lines at the least."""

Tell = Callable[[Mapping[str, int]], None]


@contextmanager
def shown(
    label: str, *, counted: str, as_json: bool, monotonic: Callable[[], float] = time.monotonic
) -> Iterator[Tell]:
    """What is to be told numbers by name, `counted` among them, as often as there are new ones.

    Where `bytes` and `of_bytes` are among them the bar shows how much is left. All of it goes to
    standard error.
    """
    if as_json:
        yield _lines(monotonic)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[done]:,} " + counted), TimeRemainingColumn(), console=err,
    )  # fmt: skip
    with bar:
        task = bar.add_task(label, total=None, done=0)

        def tell(numbers: Mapping[str, int]) -> None:
            bar.update(
                task,
                total=numbers.get("of_bytes"),
                completed=numbers.get("bytes", 0),
                done=numbers[counted],
            )

        yield tell


def _lines(monotonic: Callable[[], float]) -> Tell:
    import json

    due = monotonic() + INTERVAL

    def tell(numbers: Mapping[str, int]) -> None:
        nonlocal due
        if monotonic() >= due:
            due = monotonic() + INTERVAL
            sys.stderr.write(json.dumps({"progress": dict(numbers)}) + "\n")
            sys.stderr.flush()

    return tell
