"""A disk that is small."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.mounts import mounted


@dataclass
class SmallDisk:
    """A file system in memory."""

    folder: Path
    """Where it is mounted."""

    def fill(self) -> None:
        """Leave no byte free."""
        with self._filler.open("wb", buffering=0) as file:
            for size in (65536, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Give back what was filled."""
        self._filler.unlink()

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[SmallDisk]:
    """One of so many bytes, as mount writes them, in this folder. This needs to be root."""
    folder.mkdir(parents=True)
    with mounted("tmpfs", folder, f"size={size}", "mode=755"):
        yield SmallDisk(folder)
