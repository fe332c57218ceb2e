"""Mail, through a real SMTP server."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from tests.mail.server import postbox
from tests.world import FakeClock
from vestibule.mail.mailer import Mail, MailNotSent
from vestibule.mail.smtp import SmtpMailer, parse_url
from vestibule.server.insecure import insecurities
from vestibule.settings import Settings

SECRET = "a-secret-that-must-not-leak"
MAIL = Mail(to="bob@example.org", subject="Grüße", text=f"See {SECRET}\n", kind="test")


def mailer(url: str, *, timeout: float = 5) -> SmtpMailer:
    return SmtpMailer(
        url=SecretStr(url),
        sender="Vestibule <noreply@example.org>",
        timeout=timeout,
        clock=FakeClock(),
    )


async def test_a_message_arrives_whole() -> None:
    async with postbox() as box:
        await mailer(f"smtp://{box.url}").send(MAIL)

    (message,) = box.messages
    assert box.recipients == ["bob@example.org"]
    assert message["From"] == "Vestibule <noreply@example.org>"
    assert (message["To"], message["Subject"]) == ("bob@example.org", "Grüße")
    assert message["Date"] == "Fri, 15 Jan 2027 08:00:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.org>")
    assert message.get_content().replace("\r\n", "\n") == MAIL.text


async def test_it_signs_in_with_what_the_url_says() -> None:
    async with postbox() as box:
        await mailer(f"smtp://post%40example.org:p%2Fw@{box.url}").send(MAIL)

    assert box.logins == [(b"post@example.org", b"p/w")]


@pytest.mark.parametrize(
    ("url", "port", "use_tls", "start_tls"),
    [
        ("smtp://mail.example.org", 587, False, True),
        ("smtp://mail.example.org:25", 25, False, True),
        ("smtp://localhost:25", 25, False, None),
        ("smtps://mail.example.org", 465, True, False),
        ("smtp+insecure://mail.example.org", 25, False, False),
    ],
)
def test_tls_is_demanded_of_all_but_this_machine_unless_asked_otherwise_by_name(
    url: str, port: int, use_tls: bool, start_tls: bool | None
) -> None:
    server = parse_url(url)

    assert (server.port, server.use_tls, server.start_tls) == (port, use_tls, start_tls)


@pytest.mark.parametrize("url", ["smtp://", "http://x", "smtp://x:y", "smtp://x/path", SECRET])
def test_a_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="must be of the form") as raised:
        parse_url(url)

    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("answer", ["554 No", f"451 Later {SECRET}"])
async def test_a_refusal_is_an_error_that_says_only_the_code(answer: str) -> None:
    async with postbox() as box:
        box.answer = answer
        with pytest.raises(MailNotSent) as raised:
            await mailer(f"smtp://{box.url}").send(MAIL)

    assert raised.value.reason == f"SMTPDataError {answer[:3]}"
    assert raised.value.is_final == answer.startswith("5")


async def test_a_server_that_speaks_no_tls_gets_no_message() -> None:
    async with postbox() as box:
        with pytest.raises(MailNotSent):
            await mailer(f"smtps://{box.url}").send(MAIL)

    assert box.messages == []


@pytest.mark.parametrize(
    "mail",
    [
        Mail(to="bob@example.org", subject="Hi\r\nBcc: eve@example.org", text="", kind="test"),
        Mail(to="bob@example.org, eve@example.org", subject="Hi", text="", kind="test"),
    ],
)
async def test_nobody_smuggles_a_header_or_a_recipient(mail: Mail) -> None:
    async with postbox() as box:
        with pytest.raises(MailNotSent):
            await mailer(f"smtp://{box.url}").send(mail)

    assert box.messages == []


def test_a_message_does_not_show_its_text() -> None:
    assert SECRET not in repr(MAIL)


def test_a_server_needs_a_sender() -> None:
    with pytest.raises(ValidationError) as raised:
        Settings(smtp_url=SecretStr(f"smtp://u:{SECRET}@localhost"))
    with pytest.raises(ValidationError) as form:
        Settings(smtp_url=SecretStr(SECRET), mail_from="a@example.org")

    assert [error["loc"] for error in raised.value.errors()] == [("mail_from",)]
    assert SECRET not in str(raised.value) + str(form.value)


def test_mail_in_the_clear_is_said_at_the_start() -> None:
    url = SecretStr(f"smtp+insecure://u:{SECRET}@mail.example.org")

    said = insecurities(Settings(smtp_url=url, mail_from="a@example.org"))

    assert said == ["VESTIBULE_SMTP_URL lets mail with secrets travel in the clear"]
