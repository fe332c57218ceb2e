"""A mail server on loopback in a thread of its own, and the letters that arrive there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from queue import Queue

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.ports import free_port

PATIENCE = 30
"""Seconds that a letter may take."""


@dataclass
class Letterbox:
    """Where the service hands in its mail."""

    port: int = field(default_factory=free_port)
    _letters: Queue[EmailMessage] = field(default_factory=Queue)

    @property
    def options(self) -> dict[str, str]:
        """The settings of a service that mails to here."""
        return {
            "smtp_url": f"smtp://127.0.0.1:{self.port}",
            "mail_from": "noreply@example.org",
            "limit_mails": "1000/hour",
        }

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self._letters.put(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def link(self, *, to: str) -> str:
        """The link in the next letter to this address that has one."""
        while True:
            letter = self._letters.get(timeout=PATIENCE)
            found = re.search(r"http://\S+\?token=\S+", letter.get_content())
            if letter["To"] == to and found:
                return found[0]


@contextmanager
def letterbox() -> Iterator[Letterbox]:
    """An open one."""
    box = Letterbox()
    controller = Controller(box, hostname="127.0.0.1", port=box.port, ready_timeout=PATIENCE)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
