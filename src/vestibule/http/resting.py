"""Not listening to a connection for a moment, where its requests are only to be refused.

Who is refused for want of room and asks again at once takes the caches of a core from a login that
is served, each time. Heard a few together, they take less. Behind a proxy that keeps connections
the next request may be another's: it waits, too, which is why a rest is short.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import Scope

KEY = "vestibule.rest"


def offer(scope: Scope, rest: Callable[[], None]) -> None:
    """Say how the connection of this request is made to rest."""
    scope[KEY] = rest


def rest(scope: Scope) -> None:
    """Let it rest, where its server has offered that; this request is answered nevertheless."""
    offered: Callable[[], None] | None = scope.get(KEY)
    if offered is not None:
        offered()
