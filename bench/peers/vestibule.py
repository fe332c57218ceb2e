"""Vestibule itself: `vestibule serve` on its defaults, SQLite."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.load import HEALTH, login_request
from bench.peers.peer import ARGON2, PASSWORD, USERS, Command, Prepared
from bench.peers.processes import SITES, python_of_ours
from bench.service import UNLIMITED, free_port, populate


class Vestibule:
    """All load comes from one address, so the limits are set out of its way; no other setting."""

    name = "Vestibule"
    hashing = ARGON2
    own_default = True
    deployment = "`vestibule serve`, one process, SQLite"
    login_status = 200
    health = HEALTH

    def login(self, number: int) -> bytes:
        return login_request(f"user{number}", PASSWORD)

    def install(self) -> list[str]:
        return [f"vestibule {importlib.metadata.version('vestibule')}"]

    @contextmanager
    def prepared(self, folder: Path) -> Iterator[Prepared]:
        populate(folder, USERS)
        port = free_port()
        yield Prepared(
            serve=Command(
                [str(Path(sys.executable).parent / "vestibule"), "serve"],
                {**UNLIMITED, "VESTIBULE_DATA_DIR": str(folder), "VESTIBULE_PORT": str(port)},
            ),
            port=port,
            verify=Command([python_of_ours(), "vestibule_site"], {"PYTHONPATH": str(SITES)}),
        )
