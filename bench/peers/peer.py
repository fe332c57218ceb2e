"""What the runner asks of a service that it measures."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

PASSWORD = "correct horse battery staple"
USERS = 1_000
ARGON2 = "Argon2id m=19 MiB t=2 p=1"
"""Vestibule's default parameters, which others are measured with too where they can be."""
DEARER = "Argon2id m=64 MiB t=3 p=4"
"""What argon2-cffi, and so fastapi-users, takes by itself; Vestibule is measured with it too."""


class UnavailableError(Exception):
    """The service can't be installed or doesn't run here; the message says why."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program to start: its arguments, and what its environment has besides ours."""

    arguments: list[str]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A service that has its users and can be started, again and again.

    `helpers` are the processes of its database, whose memory is counted apart.
    """

    serve: Command
    port: int
    verify: Command
    helpers: list[int] = field(default_factory=list)


class Peer(Protocol):
    """A service with 1,000 users of one password: how it is installed, run and asked."""

    @property
    def name(self) -> str:
        """What tables call it; rows of one service have the same name."""

    @property
    def hashing(self) -> str:
        """The password hash and its parameters."""

    @property
    def own_default(self) -> bool:
        """Whether that hash is what the service takes when nothing is set."""

    @property
    def deployment(self) -> str:
        """How it is deployed, in a few words."""

    @property
    def login_status(self) -> int:
        """The status of a successful login."""

    @property
    def health(self) -> bytes:
        """A request for the cheapest answer that tells that the service is there."""

    def login(self, number: int) -> bytes:
        """The request of the login of that user."""

    def install(self) -> list[str]:
        """Install what is missing; the names and versions of what counts.

        Raises `UnavailableError`.
        """

    def prepared(self, folder: Path) -> AbstractContextManager[Prepared]:
        """Its users, its settings and its database in that folder, until the block ends."""


def request(
    method: str, path: str, *, body: bytes = b"", media_type: str = "application/json"
) -> bytes:
    """A request as bytes, on a connection that is kept."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if body:
        head += f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body
