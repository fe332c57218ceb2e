"""A directory that lives in the test: what it knows, how it fails, and what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from vestibule.clock import Clock
from vestibule.errors import BadGateway
from vestibule.identity.configuration import DirectoryConfiguration
from vestibule.identity.connector import Profile

PASSWORD = "the password of the directory"


class FakeConnector:
    """A `Connector` over a dictionary."""

    def __init__(self) -> None:
        self.people: dict[str, Profile] = {}
        self.asked: list[str] = []
        self.failing: Exception | None = None
        self.hold: asyncio.Event | None = None
        self.takes_passwords = True
        self.can_look_up = True
        self.closed = False
        self._changed = asyncio.Condition()

    async def was_asked(self, times: int) -> None:
        """Returns once it was asked so often."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= times)

    def add(self, username: str, **details: Any) -> Profile:
        """Somebody whom it knows, by `PASSWORD`."""
        profile = Profile(
            subject=details.pop("subject", f"id of {username}"), username=username, **details
        )
        self.people[username] = profile
        return profile

    def change(self, username: str, **details: Any) -> None:
        self.people[username] = replace(self.people[username], **details)

    async def authenticate(self, identifier: str, password: SecretStr) -> Profile | None:
        self.asked.append(identifier)
        async with self._changed:
            self._changed.notify_all()
        await self._ready()
        profile = self.people.get(identifier)
        return profile if password.get_secret_value() == PASSWORD else None

    async def look_up(self, subjects: Sequence[str]) -> dict[str, Profile]:
        await self._ready()
        return {p.subject: p for p in self.people.values() if p.subject in subjects}

    async def check(self) -> None:
        await self._ready()

    async def close(self) -> None:
        self.closed = True

    async def _ready(self) -> None:
        if self.hold is not None:
            await self.hold.wait()
        if self.failing is not None:
            raise self.failing


class Fakes:
    """Makes connectors in the place of real ones, and keeps one for each key."""

    def __init__(self) -> None:
        self.by_key: dict[str, FakeConnector] = {}
        self.made: list[tuple[str, FakeConnector]] = []

    def __call__(self, configuration: DirectoryConfiguration, clock: Clock) -> FakeConnector:
        connector = self[configuration.key]
        self.made.append((configuration.key, connector))
        return connector

    def __getitem__(self, key: str) -> FakeConnector:
        return self.by_key.setdefault(key, FakeConnector())


def ldap(**fields: Any) -> dict[str, Any]:
    """A connection that nobody is asked through."""
    return {"kind": "ldap", "urls": ["ldaps://127.0.0.1:9"], "user_base": "dc=x", **fields}


def directory(key: str = "corp", **fields: Any) -> dict[str, Any]:
    """A configuration as it is sent."""
    connection = fields.pop("connection", None) or ldap()
    return {"key": key, "name": key.title(), "connection": connection, **fields}


def broken() -> BadGateway:
    return BadGateway(cause="directory_unreachable")
