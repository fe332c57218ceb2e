"""A client that proves itself and its key, by what is to be taken once."""

from __future__ import annotations

import json
import time
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

Kind = Literal["assertion", "assertion without iat", "proof"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(slots=True)
class Once:
    """One of them, and how often it was taken."""

    kind: Kind
    worker: Worker
    assertion: dict[str, str] | None
    """Form fields; None where each request brings one of its own."""
    proof: dict[str, str]
    """The header, if it is that which is to be taken once."""
    made_at: float
    taken: int = 0

    def request(self) -> dict[str, Any]:
        """What is sent to the token endpoint."""
        fields = self.assertion or self.worker.assertion()
        return {
            "data": {"grant_type": "client_credentials", "client_id": NAME, **fields},
            "headers": self.proof,
        }


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

    def fresh(self, kind: Kind) -> Once:
        """One that nobody has seen yet."""
        self._clock.now = time.time()
        assertion, proof = None, {}
        if kind == "proof":
            proof = self._holder.proof(url=self._issuer + TOKEN)
        else:
            assertion = self.assertion(**({"iat": None} if "without" in kind else {}))
        return Once(kind, self, assertion, proof, self._clock.now)

    def assertion(self, **changes: Any) -> dict[str, str]:
        """A new assertion; None takes a claim away."""
        self._clock.now = time.time()
        ends = int(self._clock.now) + LASTS
        return self._holder.assertion(NAME, aud=self._issuer, exp=ends, **changes)
