"""The seam through which mail leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One message to one person. Its text may hold a secret, so it never shows itself."""

    to: str
    subject: str = field(repr=False)
    text: str = field(repr=False)
    kind: str
    """What it is about, for the log: the recipient and the text never stand there."""


class MailNotSent(Exception):
    """The message did not leave; `reason` is a short name of why, without any of it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Mailer(Protocol):
    """What sends mail."""

    async def send(self, mail: Mail) -> None:
        """Returns once the next server has taken responsibility for it. Raises `MailNotSent`."""
        ...
