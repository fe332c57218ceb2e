"""A system of the test's own: this machine's files, a layer in memory above them, and systemd."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mounts import mounted

UNIT = """
[Unit]
Description=What the test runs
Wants=dbus.service
After=dbus.service
SuccessAction=poweroff
FailureAction=poweroff

[Service]
Type=oneshot
ExecStart=/bin/bash {script}
StandardInput=tty
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
"""


@contextmanager
def layered(folder: Path) -> Iterator[Path]:
    """All files of this machine, to be changed at will. This needs to be root."""
    layers = {name: folder / name for name in ("upper", "work", "root")}
    with mounted("tmpfs", folder, "mode=755"):
        for layer in layers.values():
            layer.mkdir()
        options = ("lowerdir=/", f"upperdir={layers['upper']}", f"workdir={layers['work']}")
        with mounted("overlay", layers["root"], *options):
            yield layers["root"]


def booting(root: Path, script: str) -> list[str]:
    """The command that boots it, on this machine's network, and ends when the script has."""
    (root / "script").write_text(script)
    # What it does with /tmp when it boots: empty it. This checkout may be there.
    (root / "etc" / "tmpfiles.d" / "tmp.conf").write_text("")
    (root / "etc" / "systemd" / "system" / "test.service").write_text(UNIT.format(script="/script"))
    return [
        "systemd-nspawn", "--quiet", f"--directory={root}",
        "--register=no", "--keep-unit", "--setenv=TERM=dumb",
        "--boot", "systemd.unit=test.service", "systemd.show_status=no",
    ]  # fmt: skip
