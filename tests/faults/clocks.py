"""A time of day that is what the test says, for one service alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


def _library() -> str:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise RuntimeError("libfaketime is missing: run sh scripts/test-requirements faults")
    return str(found[0])


@dataclass
class FalseClock:
    """How far a service's clock is from the machine's; what it measures by stays right."""

    path: Path

    def __post_init__(self) -> None:
        self.set(0)

    def set(self, seconds: int) -> None:
        """Go wrong by so many seconds, at once."""
        made = self.path.with_suffix(".new")
        made.write_text(f"{seconds:+d}\n")
        made.replace(self.path)

    def within(self) -> tuple[str, ...]:
        """What runs a service on this clock."""
        preload = " ".join(filter(None, [_library(), os.environ.get("LD_PRELOAD")]))
        return (
            "env",
            f"LD_PRELOAD={preload}",
            f"FAKETIME_TIMESTAMP_FILE={self.path}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        )
