"""Mail through an SMTP server (RFC 5321), encrypted unless it was asked otherwise by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

import aiosmtplib
from pydantic import SecretStr

from vestibule.clock import Clock, utc
from vestibule.mail.mailer import Mail, MailNotSent

PORTS = {"smtp": 587, "smtps": 465, "smtp+insecure": 25}
"""`smtp` demands STARTTLS of all but this machine, `smtps` is TLS from the first byte
(RFC 8314), `smtp+insecure` is neither."""

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


FINAL = (
    aiosmtplib.SMTPDataError,
    aiosmtplib.SMTPRecipientsRefused,
    aiosmtplib.SMTPRecipientRefused,
    aiosmtplib.SMTPSenderRefused,
)
"""Where a code of 500 and above is about this message; elsewhere it is about us."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in."""

    host: str
    port: int
    use_tls: bool
    start_tls: bool | None
    """None where it is used if the server has it."""
    username: str | None
    password: str | None = field(repr=False)


def parse_url(url: str) -> Server:
    """The server of `smtp://user:password@host:port`. Raises `ValueError`, without the URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise ValueError("must be of the form smtp://user:password@host:587") from None
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be of the form smtp://user:password@host:587")
    local = parts.hostname in LOOPBACK
    start_tls = {"smtp": None if local else True, "smtps": False, "smtp+insecure": False}
    return Server(
        host=parts.hostname,
        port=port,
        use_tls=parts.scheme == "smtps",
        start_tls=start_tls[parts.scheme],
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


class SmtpMailer:
    """Hands each message to one server, on a connection of its own."""

    def __init__(self, *, url: SecretStr, sender: str, timeout: float, clock: Clock) -> None:
        self._server = parse_url(url.get_secret_value())
        self._sender = sender
        self._timeout = timeout
        self._clock = clock

    async def send(self, mail: Mail) -> None:
        """Returns once the server has taken it. Raises `MailNotSent`."""
        server = self._server
        try:
            await aiosmtplib.send(
                self._message(mail),
                hostname=server.host,
                port=server.port,
                username=server.username,
                password=server.password,
                use_tls=server.use_tls,
                start_tls=server.start_tls,
                timeout=self._timeout,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # Its own words may hold the recipient, or what the server made of the message.
            code, name = _code(error), type(error).__name__
            raise MailNotSent(
                f"{name} {code}" if code else name,
                is_final=isinstance(error, FINAL) and code is not None and code >= 500,
            ) from None

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(utc(self._clock))
        # The usual helper would tell the name of this machine.
        message["Message-ID"] = f"<{mail.id.hex}@{self._sender.rpartition('@')[2].rstrip('>')}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        message.set_content(mail.text)
        return message


def _code(error: Exception) -> int | None:
    """The server's code (RFC 5321 §4.2.1), if it gave one; of several recipients the first's."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return next((refused.code for refused in error.recipients), None)
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else None
