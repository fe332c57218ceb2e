"""What the doctor looks at in upstream directories."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from vestibule.cli.finding import Finding
from vestibule.errors import ApiError
from vestibule.identity.connectors import MissingLibrary
from vestibule.identity.registry import SEALED, UNINSTALLED
from vestibule.identity.upstream import Upstream
from vestibule.settings import Settings
from vestibule.wiring import running

MEND = {
    "directory_unreachable": "look at its address, the network, and its certificate",
    "directory_silent": "look at its address, the network, and its load",
    "directory_credentials": "give it the credentials that the directory knows us by",
    "directory_base": "correct `user_base`, or let us read it",
    SEALED: "set the secret key that it was saved under as a previous one, or save it anew",
    UNINSTALLED: "install the service with what speaks to it",
    "directory_issuer": "write `issuer` exactly as its metadata does",
}


def examine_directories(settings: Settings) -> Iterator[Finding]:
    """Whether each that is active can be reached and takes our credentials, all at once."""
    try:
        yield from asyncio.run(_examined(settings))
    except MissingLibrary as error:
        yield Finding("directories", "error", str(error), "install it with that extra")


async def _examined(settings: Settings) -> list[Finding]:
    async with running(settings) as services:
        await services.registry.reload()
        upstreams = services.registry.latest.by_key.values()
        active = [upstream for upstream in upstreams if upstream.configuration.is_active]
        return list(await asyncio.gather(*(_asked(upstream) for upstream in active)))


async def _asked(upstream: Upstream) -> Finding:
    check = f"directory {upstream.key}"
    try:
        await upstream.check()
    except ApiError as error:
        mend = MEND.get(error.cause, "look at its log")
        return Finding(check, "error", f"it does not serve us: {error.cause}", mend)
    return Finding(check, "ok", "it answers and takes our credentials")
