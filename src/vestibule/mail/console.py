"""Mail on the console, for whoever tries the service without a mail server."""

from __future__ import annotations

import asyncio
from typing import TextIO

from vestibule.mail.mailer import Mail


class ConsoleMailer:
    """Writes each message whole, its links included, to a stream: standard error by default."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    async def send(self, mail: Mail) -> None:
        """As `Mailer.send`; nobody takes responsibility."""
        lines = [f"To: {mail.to}", f"Subject: {mail.subject}", "", *mail.text.splitlines()]
        text = "".join(f"mail | {_shown(line)}\n" for line in lines)
        await asyncio.to_thread(self._write, text)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _shown(line: str) -> str:
    # What somebody chose must not move the cursor of whoever looks.
    return "".join(letter if letter.isprintable() else "?" for letter in line)
