"""What a decision asks for and who carries it out: the decisions themselves do no I/O.

An operation is a generator. It yields a `Call`, a `Pause`, a `Local` or a `Bearer` and is sent what
came of it; the synchronous and the asynchronous client only carry these out.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

import httpx

from vestibule.client.secret import Secret

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """Send this. Comes back as an `httpx.Response` or as `Lost`."""

    method: str
    url: str
    safe: bool
    """Whether sending it twice does no harm."""
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    """Further arguments of httpx: `json`, `data`, `params`, …; a `Secret` is revealed there."""
    bearer: Secret | None = None

    def with_bearer(self, token: Secret) -> Call:
        """The same with an access token (RFC 6750 §2.1)."""
        return replace(self, bearer=token)

    def within(self, seconds: float) -> Call:
        """The same with a time limit of its own."""
        return replace(self, options={**self.options, "timeout": seconds})

    def arguments(self, *, timeout: float | httpx.Timeout) -> dict[str, Any]:
        """What httpx is called with. Redirects are not followed: they would carry secrets off."""
        options = dict(self.options)
        for name in ("json", "data"):
            if isinstance(options.get(name), dict):
                options[name] = {key: _revealed(value) for key, value in options[name].items()}
        headers = dict(self.headers)
        if self.bearer is not None:
            headers["Authorization"] = f"Bearer {self.bearer.reveal()}"
        return {"timeout": timeout, **options, "headers": headers, "follow_redirects": False}


@dataclass(frozen=True, slots=True)
class Lost:
    """There is no answer."""

    reason: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Let so many seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Local:
    """Do this, which may take a moment: a file, a keyring. Comes back as what it returns."""

    work: Callable[[], Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Get an access token that can be used, and not the rejected one. Comes back as a `Secret`."""

    rejected: Secret | None


Step: TypeAlias = Call | Pause | Local | Bearer
Steps: TypeAlias = Generator[Step, Any, T]


def _revealed(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value


def lost(error: httpx.RequestError) -> Lost:
    """What a failed exchange comes back as: the kind alone, no more of what was sent."""
    if isinstance(error, httpx.TimeoutException):
        return Lost("it did not answer in time")
    if isinstance(error, httpx.ConnectError):
        # Such a message is the system's: "Connection refused", "certificate verify failed".
        return Lost(str(error) or "no connection")
    return Lost(f"the connection broke ({type(error).__name__})")
