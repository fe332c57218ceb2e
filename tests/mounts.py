"""File systems that are there while a test lasts. They need to be root."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def mounted(kind: str, folder: Path, *options: str) -> Iterator[Path]:
    """One of this kind in a folder that is there."""
    _run("mount", "-t", kind, "-o", ",".join(options), "vestibule-test", str(folder))
    try:
        yield folder
    finally:
        _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)
