"""Vestibule itself: `vestibule serve` on its defaults, SQLite."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

from bench.load import HEALTH, login_request
from bench.peers.peer import ARGON2, DEARER, PASSWORD, USERS, Command, Prepared
from bench.peers.processes import SITES, python_of_ours
from bench.service import UNLIMITED, populate
from vestibule.settings import Settings

DEARER_SETTINGS = {
    "VESTIBULE_ARGON2_MEMORY": str(64 * 1024),
    "VESTIBULE_ARGON2_TIME": "3",
    "VESTIBULE_ARGON2_PARALLELISM": "4",
    # 64 of these at once take longer than the default deadline, after which logins are refused.
    "VESTIBULE_HASH_DEADLINE": "60",
}


@dataclass(frozen=True)
class Vestibule:
    """All load comes from one address, so the limits are set out of its way; no other setting.

    With `own_default` false it hashes with the parameters that fastapi-users has by itself.
    """

    own_default: bool = True
    name: str = "Vestibule"
    deployment: str = "`vestibule serve`, one process, SQLite"
    login_status: int = 200
    health: bytes = HEALTH

    @property
    def hashing(self) -> str:
        return ARGON2 if self.own_default else DEARER

    def login(self, number: int) -> bytes:
        return login_request(f"user{number}", PASSWORD)

    def install(self) -> list[str]:
        return [f"vestibule {importlib.metadata.version('vestibule')}"]

    @contextmanager
    def prepared(self, folder: Path) -> Iterator[Prepared]:
        settings = (
            Settings()
            if self.own_default
            else Settings(argon2_memory=64 * 1024, argon2_time=3, argon2_parallelism=4)
        )
        populate(folder, USERS, hashing=settings)
        port = free_port()
        parameters = [settings.argon2_time, settings.argon2_memory, settings.argon2_parallelism]
        yield Prepared(
            serve=Command(
                [str(Path(sys.executable).parent / "vestibule"), "serve"],
                {
                    **UNLIMITED,
                    **({} if self.own_default else DEARER_SETTINGS),
                    "VESTIBULE_DATA_DIR": str(folder),
                    "VESTIBULE_PORT": str(port),
                },
            ),
            port=port,
            verify=Command(
                [python_of_ours(), "vestibule_hash"],
                {"PYTHONPATH": str(SITES), "BENCH_ARGON2": ",".join(map(str, parameters))},
            ),
        )
