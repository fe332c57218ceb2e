"""A client that proves itself and its key, by what is to be taken once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from tests.e2e.server import Server
from tests.standards.parties import Holder
from tests.world import FakeClock

TOKEN = "/oauth2/token"
NAME = "worker"
LASTS = 300
"""Seconds that an assertion may be used: longer than a test."""

Kind = Literal["assertion", "assertion without iat", "proof", "code"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(slots=True)
class Once:
    """What may be taken once at the token endpoint, and how often it was."""

    kind: Kind
    made_at: float
    request: Callable[[], dict[str, Any]]
    """What is sent. Where only a part is to be taken once, the rest is new each time."""
    taken: int = 0
    refresh_token: str = ""
    """What was given for it."""


class Worker:
    """Registered with a service, and with every other on its database."""

    def __init__(self, server: Server, folder: Path) -> None:
        """The public key goes through a file in the folder."""
        self._issuer = server.options["issuer"]
        self._clock = FakeClock(time.time())
        self._holder = Holder(self._clock)
        keys = folder / "worker.json"
        keys.write_text(json.dumps({"keys": [self._holder.public]}))
        grant = ("--grant", "client_credentials")
        server.cli("client", "create", NAME, *grant, "--jwks", str(keys))

    def fresh(self, kind: Kind, *, lasts: int = LASTS) -> Once:
        """One that nobody has seen yet; an assertion may be used for so many seconds."""
        self._clock.now = time.time()
        if kind == "proof":
            proof = self._holder.proof(url=self._issuer + TOKEN)
            return Once(kind, self._clock.now, lambda: self.request(self.assertion(), proof))
        changes = {"iat": None} if "without" in kind else {}
        assertion = self.assertion(lasts=lasts, **changes)
        return Once(kind, self._clock.now, lambda: self.request(assertion, {}))

    def request(self, assertion: dict[str, str], proof: dict[str, str]) -> dict[str, Any]:
        """What is sent: form fields, and the header of the proof, if there is one."""
        fields = {"grant_type": "client_credentials", "client_id": NAME, **assertion}
        return {"data": fields, "headers": proof}

    def assertion(self, *, lasts: int = LASTS, **changes: Any) -> dict[str, str]:
        """A new assertion; None takes a claim away."""
        self._clock.now = time.time()
        ends = int(self._clock.now) + lasts
        return self._holder.assertion(NAME, aud=self._issuer, exp=ends, **changes)
