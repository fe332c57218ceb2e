"""The most memory that a command ever had."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

# Not from the usage that a parent is told: the parent's own memory counts in that.
_PROGRAM = """
import sys
from pathlib import Path
from vestibule.cli.main import main
told = Path(sys.argv.pop(1))
try:
    main()
finally:
    told.write_text(Path("/proc/self/status").read_text())
"""


def peak_of(arguments: list[str | Path], environment: Mapping[str, str]) -> int:
    """Run `vestibule` with these arguments to its successful end, and return its peak in KiB."""
    with TemporaryDirectory() as folder:
        status = Path(folder) / "status"
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, status, *arguments],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmHWM"].split()[0])
