"""What the service may say of what it is doing, and saying nothing.

A span never carries a secret, a name that was typed, an address, a query or a body.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

Value = str | int | float | bool


class Span(Protocol):
    """One step that is under way."""

    def set(self, name: str, value: Value) -> None:
        """Note an attribute."""
        ...

    def rename(self, name: str) -> None:
        """Call it by a name that was not known when it began."""
        ...

    def failed(self, error_type: str) -> None:
        """Say that it failed, by a short name."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request says of the trace that it belongs to (W3C Trace Context)."""

    traceparent: str | None = None
    tracestate: str | None = None
    trusted: bool = False
    """Whether what it says is believed: then its trace goes on here. Otherwise ours is a new one
    that only names the caller's: a stranger decides neither what is sampled nor what is sent."""


class Tracing(Protocol):
    """Makes spans.

    An exception that ends the block of one marks it as failed, by its class alone: what it says
    might hold what must not be told.
    """

    @property
    def enabled(self) -> bool:
        """Whether anybody listens."""
        ...

    def request(
        self, name: str, caller: Caller, attributes: Mapping[str, Value]
    ) -> AbstractContextManager[Span]:
        """A request that is being answered."""
        ...

    def step(
        self, name: str, attributes: Mapping[str, Value] | None = None, *, remote: bool = False
    ) -> AbstractContextManager[Span]:
        """A step of such a request; where there is none, there is nothing to say.

        `remote` for what another program answers.
        """
        ...

    def close(self) -> None:
        """Send what waits, in bounded time. Blocks: not for the event loop."""
        ...


class _Silence:
    """A span of nothing, and the block around it."""

    __slots__ = ()

    def set(self, name: str, value: Value) -> None:
        pass

    def rename(self, name: str) -> None:
        pass

    def failed(self, error_type: str) -> None:
        pass

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_: object) -> None:
        pass


SILENCE = _Silence()


class NoTracing:
    """`Tracing` where nothing is configured: it costs a call a step."""

    enabled = False

    def request(
        self, name: str, caller: Caller, attributes: Mapping[str, Value]
    ) -> AbstractContextManager[Span]:
        return SILENCE

    def step(
        self, name: str, attributes: Mapping[str, Value] | None = None, *, remote: bool = False
    ) -> AbstractContextManager[Span]:
        return SILENCE

    def close(self) -> None:
        pass


NO_TRACING = NoTracing()
