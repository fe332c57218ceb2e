"""Mail that waits in the database, and who sends it when."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import httpx
import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from tests.mail.server import postbox
from tests.mail.test_mail import MAIL, SECRET, mailer
from tests.world import FakeClock
from vestibule.clock import utc
from vestibule.ids import new_id
from vestibule.mail.console import ConsoleMailer
from vestibule.mail.mailer import Mail, Mailer, MailNotSent
from vestibule.mail.models import mails
from vestibule.mail.outbox import DELAYS, LEASE, Outbox
from vestibule.metrics.service import Metrics
from vestibule.settings import Settings
from vestibule.storage.database import Database
from vestibule.tokens.vault import Vault
from vestibule.wiring import Services

TIMEOUT = 0.05
DAY = timedelta(days=1)


class Box:
    """Takes what comes, or fails as it is told."""

    def __init__(self) -> None:
        self.taken: list[Mail] = []
        self.failing: Exception | None = None
        self.silent = False
        self.asked = asyncio.Event()

    async def send(self, mail: Mail) -> None:
        self.asked.set()
        if self.silent:
            await asyncio.Event().wait()
        if self.failing is not None:
            raise self.failing
        self.taken.append(mail)


@pytest.fixture
def box() -> Box:
    return Box()


def outbox_of(
    database: Database, settings: Settings, clock: FakeClock, sender: Mailer, secret: str = ""
) -> Outbox:
    key = settings.secret_key
    assert key is not None
    return Outbox(
        database=database,
        vault=Vault([type(key)(secret or key.get_secret_value())], purpose="mail at rest"),
        mailer=sender,
        clock=clock,
        timeout=TIMEOUT,
        metrics=Metrics(),
        is_configured=True,
    )


@pytest.fixture
async def outbox(
    services: Services, settings: Settings, clock: FakeClock, box: Box
) -> AsyncIterator[Outbox]:
    made = outbox_of(services.database, settings, clock, box)
    yield made
    await made.close()


async def put(services: Services, outbox: Outbox, clock: FakeClock, count: int = 1) -> None:
    for _ in range(count):
        mail, until = replace(MAIL, id=new_id()), utc(clock) + DAY
        await services.database.write(partial(outbox.put, mail=mail, expires_at=until))


async def waiting(services: Services) -> int:
    count = select(func.count()).select_from(mails)
    return int(await services.database.read(lambda c: c.execute(count).scalar_one()))


async def test_what_was_committed_is_sent_once(
    services: Services, outbox: Outbox, clock: FakeClock, box: Box
) -> None:
    await put(services, outbox, clock, 150)

    assert await outbox.send_due() == 150
    assert await outbox.send_due() == 0

    assert {mail.text for mail in box.taken} == {MAIL.text}
    assert len({mail.id for mail in box.taken}) == 150
    assert await waiting(services) == 0


async def test_what_was_rolled_back_is_not(
    services: Services, outbox: Outbox, clock: FakeClock, box: Box
) -> None:
    def work(connection: object) -> None:
        outbox.put(connection, MAIL, expires_at=utc(clock) + DAY)  # type: ignore[arg-type]
        raise LookupError

    with pytest.raises(LookupError):
        await services.database.write(work)

    assert await outbox.send_due() == 0


async def test_waking_sends_without_waiting_for_it(
    services: Services, outbox: Outbox, clock: FakeClock, box: Box
) -> None:
    await put(services, outbox, clock)

    outbox.wake()
    at_once = len(box.taken)
    await asyncio.gather(*outbox._tasks)

    assert (at_once, len(box.taken)) == (0, 1)


async def test_two_instances_send_each_message_once(
    services: Services, settings: Settings, outbox: Outbox, clock: FakeClock, box: Box
) -> None:
    other = outbox_of(services.database, settings, clock, box)
    await put(services, outbox, clock, 50)

    sent = await asyncio.gather(outbox.send_due(), other.send_due())

    assert sum(sent) == len(box.taken) == 50
    assert len({mail.id for mail in box.taken}) == 50


async def test_what_fails_is_tried_again_later_and_later_until_it_expires(
    services: Services, outbox: Outbox, clock: FakeClock, box: Box
) -> None:
    box.failing = MailNotSent("SMTPConnectError")
    await put(services, outbox, clock)
    with capture_logs() as lines:
        for delay in (*DELAYS, DELAYS[-1]):
            await outbox.send_due()
            clock.advance(delay - 1)
            assert await outbox.send_due() == 0
            clock.advance(1)
        for _ in range(10):
            await outbox.send_due()
            clock.advance(DELAYS[-1])

    assert await waiting(services) == 0
    events = [(line["event"], line["tries"]) for line in lines]
    assert events[0] == ("mail not sent", 1)
    assert events[-1][0] == "mail given up"
    assert len(events) == events[-1][1]
    assert SECRET not in str(lines)
    assert "bob@example.org" not in str(lines)


async def test_a_server_that_comes_back_gets_it(
    services: Services, outbox: Outbox, clock: FakeClock
) -> None:
    async with postbox() as real:
        outbox._mailer = mailer("smtp://127.0.0.1:1")
        await put(services, outbox, clock)
        assert await outbox.send_due() == 0
        outbox._mailer = mailer(f"smtp://{real.url}")
        outbox._timeout = 5
        clock.advance(DELAYS[0])

        assert await outbox.send_due() == 1

    assert len(real.messages) == 1


async def test_a_refusal_for_good_is_not_tried_again(
    services: Services, outbox: Outbox, clock: FakeClock, box: Box
) -> None:
    box.failing = MailNotSent("SMTPDataError 554", is_final=True)
    await put(services, outbox, clock)

    await outbox.send_due()

    assert await waiting(services) == 0


@pytest.mark.parametrize("failure", ["silent", "defect"])
async def test_nothing_that_a_mailer_does_stops_the_others_or_shows_the_text(
    services: Services, outbox: Outbox, clock: FakeClock, box: Box, failure: str
) -> None:
    box.silent = failure == "silent"
    box.failing = RuntimeError(MAIL.text)
    await put(services, outbox, clock, 2)

    with capture_logs() as lines:
        await outbox.send_due()

    reason = "timeout" if failure == "silent" else "RuntimeError"
    assert [line["reason"] for line in lines] == [reason] * 2
    assert SECRET not in str(lines)


async def test_what_an_instance_had_taken_on_when_it_was_killed_is_sent_by_another(
    services: Services, settings: Settings, outbox: Outbox, clock: FakeClock, box: Box
) -> None:
    box.silent = True
    outbox._timeout = 1000
    await put(services, outbox, clock)
    killed = asyncio.create_task(outbox.send_due())
    await box.asked.wait()
    assert outbox.under_way == 1
    killed.cancel()
    await asyncio.wait([killed])

    box.silent = False
    other = outbox_of(services.database, settings, clock, box)
    assert await other.send_due() == 0
    clock.advance(1000 + LEASE)
    assert await other.send_due() == 1

    # Both deliveries, had there been two, are one message to whoever reads it.
    assert len({mail.id for mail in box.taken}) == 1


async def test_it_is_encrypted_where_it_waits(
    services: Services, settings: Settings, outbox: Outbox, clock: FakeClock, box: Box
) -> None:
    await put(services, outbox, clock)
    row = await services.database.read(lambda c: c.execute(select(mails)).one())

    assert SECRET.encode() not in row.sealed
    assert b"bob" not in row.sealed
    other = outbox_of(services.database, settings, clock, box, secret="another key" * 4)
    with capture_logs() as lines:
        assert await other.send_due() == 0
    assert [line["reason"] for line in lines] == ["secret key"]


async def test_an_instance_that_ends_lets_it_wait(
    services: Services, outbox: Outbox, clock: FakeClock, box: Box
) -> None:
    box.silent = True
    outbox._timeout = 0.01
    await put(services, outbox, clock)

    outbox.wake()
    await outbox.close()

    assert await waiting(services) == 1


async def test_without_a_server_it_is_written_to_the_console(
    client: httpx.AsyncClient,
) -> None:
    stream = io.StringIO()

    await ConsoleMailer(stream).send(replace(MAIL, text="one\n\x1b[2J two\n"))

    assert stream.getvalue().splitlines() == [
        "mail | To: bob@example.org",
        "mail | Subject: Grüße",
        "mail | ",
        "mail | one",
        "mail | ?[2J two",
    ]
    assert (await client.get("/api/v1/config")).json()["email_configured"] is False
