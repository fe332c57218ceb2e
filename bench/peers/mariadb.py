"""A MariaDB of our own, from Debian's packages, on a socket in a folder of ours."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peers import environment
from bench.peers.peer import Command, UnavailableError
from bench.peers.processes import PATIENCE, run, started

PACKAGES = ["mariadb-server-core", "mariadb-server", "mariadb-client-core"]


def install() -> list[str]:
    """Install it; its name and version."""
    environment.debian("mariadb", PACKAGES)
    return environment.debian_versions("mariadb", PACKAGES[:1])


@contextmanager
def running(folder: Path) -> Iterator[tuple[Path, int]]:
    """Its socket and its process, until the block ends; root has no password there."""
    root = environment.debian("mariadb", PACKAGES)
    libraries = environment.library_path(root)
    data, socket = folder / "mariadb", folder / "mariadb.sock"
    common = ["--no-defaults", f"--basedir={root / 'usr'}", f"--datadir={data}"]
    common += [f"--user={getpass.getuser()}"]
    create = [str(root / "usr/bin/mariadb-install-db"), *common, "--skip-test-db"]
    run(Command([*create, "--auth-root-authentication-method=normal"], libraries))
    serve = [str(root / "usr/sbin/mariadbd"), *common, f"--socket={socket}", "--skip-networking"]
    serve += [f"--plugin-dir={root / 'usr/lib/mysql/plugin'}"]
    with started(Command(serve, libraries), folder / "mariadb.log") as process:
        end = time.perf_counter() + PATIENCE
        while not socket.exists():
            if process.poll() is not None or time.perf_counter() > end:
                raise UnavailableError("MariaDB did not start")
            time.sleep(0.05)
        yield socket, process.pid
