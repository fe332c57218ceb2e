"""Servers that break in one way each, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.certificates import HOUR, certify
from tests.ports import free_port

FAILURES = {
    "closed": 502,
    "silent": 504,
    "dripping": 504,
    "closing": 502,
    "rubbish": 502,
    "wrong certificate": 502,
    "expired certificate": 502,
    "untrusted certificate": 502,
}
"""How a server breaks, and what a login is told of it."""

BEGINNING = {
    "ldap": b"\x30\x84\x00\x00\x01\x00\x02\x01\x01",
    "oidc": b"HTTP/1.1 200 OK\r\nServer: x",
}
"""How an answer begins that is none yet."""


@asynccontextmanager
async def broken(failure: str, kind: str, folder: Path) -> AsyncIterator[tuple[str, str | None]]:
    """Where such a server is, and the certificate that is to vouch for it."""
    authority: str | None = None
    encryption: ssl.SSLContext | None = None
    if failure.endswith("certificate"):
        address = "127.0.0.2" if failure == "wrong certificate" else "127.0.0.1"
        lasts = -HOUR if failure == "expired certificate" else HOUR
        files = certify(folder, address=address, lasts=lasts)
        encryption = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        encryption.load_cert_chain(*files)
        if failure != "untrusted certificate":
            authority = files[0].read_text()
    scheme = {"ldap": ("ldap", "ldaps"), "oidc": ("http", "https")}[kind][encryption is not None]
    if failure == "closed":
        yield f"{scheme}://127.0.0.1:{free_port()}", authority
        return

    serving: set[asyncio.Task[object]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await reader.read(1)
            if failure == "rubbish":
                writer.write(bytes(range(255, 0, -1)) * 8)
            elif failure == "closing":
                writer.write(BEGINNING[kind])
            elif failure == "dripping":
                for byte in BEGINNING[kind] * 100:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(0.2)
            elif failure == "silent":
                while await reader.read(1024):
                    pass
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=encryption)
    try:
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}", authority
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
