"""Forgotten passwords and unproved addresses, through a real SMTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from tests.conftest import make_client
from tests.mail.server import Postbox, postbox
from tests.oauth.flows import hidden
from tests.orgs.people import signed_in, trail
from tests.world import PASSWORD, FakeClock, World, log_in
from vestibule.clock import utc
from vestibule.identity import repository as identities
from vestibule.identity.models import Identity
from vestibule.recovery.models import mail_links
from vestibule.settings import Settings
from vestibule.wiring import Services, wire

FORGOTTEN = "/api/v1/auth/password/forgotten"
RESET = "/api/v1/auth/password/reset"
SEND = "/api/v1/user/email/verification"
VERIFY = "/api/v1/auth/email/verify"
NEW = "a password that is new and long"
UNKNOWN = (404, "not_found_error", "This link is unknown, used or expired")


@dataclass
class Here:
    """A service with a mail server."""

    services: Services
    client: httpx.AsyncClient
    world: World
    box: Postbox

    async def mailed(self) -> None:
        """Returns once nothing is under way."""
        await asyncio.gather(*self.services.recovery._tasks)
        await asyncio.gather(*self.services.outbox._tasks)

    async def forgotten(self, username: str = "alice") -> httpx.Response:
        response = await self.client.post(FORGOTTEN, json={"username": username})
        await self.mailed()
        return response

    def token(self, number: int = -1) -> str:
        """What stands in the link of a message."""
        text = self.box.messages[number].get_content()
        token: str = text.partition("?token=")[2].split()[0]
        return token

    async def reset(self, token: str, password: str = NEW) -> httpx.Response:
        return await self.client.post(RESET, json={"token": token, "password": password})


@pytest.fixture
async def here(settings: Settings, clock: FakeClock) -> AsyncIterator[Here]:
    async with postbox() as box:
        changes: dict[str, Any] = {
            "smtp_url": SecretStr(f"smtp://{box.url}"), "mail_from": "noreply@example.org",
        }  # fmt: skip
        services = wire(settings.model_copy(update=changes), clock=clock)
        await services.keys.ensure()
        async with make_client(services) as client:
            yield Here(services, client, World(services), box)
        await services.close()


def told(response: httpx.Response) -> tuple[int, str, str]:
    body = response.json()
    return response.status_code, body["type"], body["detail"]


async def test_a_mailed_link_sets_a_new_password_and_ends_all_sessions(here: Here) -> None:
    await here.world.user("alice")
    before = (await log_in(here.client)).json()["refresh_token"]
    asked = await here.forgotten("alice@example.org")
    token = here.token()

    reset = await here.reset(token)
    await here.mailed()

    assert (asked.status_code, reset.status_code) == (202, 204)
    assert (await log_in(here.client, "alice", PASSWORD)).status_code == 401
    assert (await log_in(here.client, "alice", NEW)).status_code == 200
    refresh = await here.client.post("/api/v1/auth/refresh", json={"refresh_token": before})
    assert refresh.status_code == 400
    assert (await here.services.users.named("alice")).email_verified
    assert [m["Subject"] for m in here.box.messages] == [
        "Your new password", "Your password was changed",
    ]  # fmt: skip
    assert here.box.recipients == ["alice@example.org"] * 2
    (event,) = await trail(here.services, "password_reset")
    assert (event.result, event.cause) == ("success", "changed")


async def test_whoever_asks_learns_nothing(here: Here) -> None:
    await here.world.user("alice")
    await here.world.user("gone", is_active=False)
    await here.world.user("mailless", email_address=None)

    answers = [await here.forgotten(name) for name in ("alice", "nobody", "gone", "mailless")]

    assert {(answer.status_code, answer.content) for answer in answers} == {(202, b"")}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(sorted(set(answer.headers) - {"date"})) for answer in answers}) == 1
    assert here.box.recipients == ["alice@example.org"]


async def test_a_link_works_once(here: Here) -> None:
    await here.world.user("alice")
    await here.forgotten()
    token = here.token()

    both = await asyncio.gather(here.reset(token), here.reset(token, NEW + "er"))

    assert sorted(answer.status_code for answer in both) == [204, 404]
    assert told(await here.reset(token)) == UNKNOWN


@pytest.mark.parametrize("change", ["late", "password", "address", "disabled", "other", "purpose"])
async def test_a_link_ends_with_what_it_was_for(here: Here, clock: FakeClock, change: str) -> None:
    alice = await here.world.user("alice")
    await here.forgotten()
    token = here.token()
    match change:
        case "late":
            clock.advance(3600)
        case "password":
            await here.services.users.set_password(alice, SecretStr(NEW + "er"))
        case "address":
            from vestibule.users import repository

            values = {"email_address": "new@example.org"}
            await here.services.database.write(lambda c: repository.change(c, alice.id, values))
        case "disabled":
            await here.services.users.update(alice, is_active=False)
        case "other":
            token = token[:-1] + ("A" if token[-1] != "A" else "B")
        case "purpose":
            verified = await here.client.post(VERIFY, json={"token": token})
            assert told(verified) == UNKNOWN
            return

    assert told(await here.reset(token)) == UNKNOWN


async def test_two_links_and_the_first_that_is_used_ends_the_other(here: Here) -> None:
    await here.world.user("alice")
    await here.forgotten()
    await here.forgotten()

    assert (await here.reset(here.token(0))).status_code == 204
    assert told(await here.reset(here.token(1))) == UNKNOWN


async def test_a_password_that_is_none_does_not_spend_the_link(here: Here) -> None:
    await here.world.user("alice")
    await here.forgotten()
    token = here.token()

    weak = await here.reset(token, "alice")

    assert (weak.status_code, weak.json()["type"]) == (422, "validation_error")
    assert (await here.reset(token)).status_code == 204


async def test_only_the_digest_is_kept_and_nothing_stands_in_a_log(
    here: Here, capsys: pytest.CaptureFixture[str]
) -> None:
    await here.world.user("alice")
    await here.forgotten()
    token = here.token()
    await here.reset(token)
    await here.mailed()
    row = await here.services.database.read(lambda c: c.execute(select(mail_links)).one())

    assert token.encode() not in bytes(row.digest)
    written = "".join(capsys.readouterr())
    assert token not in written
    assert NEW not in written
    assert "alice@example.org" not in written


async def test_people_of_a_directory_are_told_where_their_password_is(
    here: Here, clock: FakeClock
) -> None:
    ann = await here.world.user("ann", password=None)
    now = utc(clock)
    identity = Identity("corp", "ann", ann.id, {}, now, now, None, None, None)
    await here.services.database.write(lambda c: identities.add_identity(c, identity))

    await here.forgotten("ann")

    (message,) = here.box.messages
    assert "corp" in message.get_content()
    assert "?token=" not in message.get_content()


async def test_nobody_is_flooded_and_nobody_floods(here: Here, clock: FakeClock) -> None:
    await here.world.user("alice")

    answers = [(await here.forgotten("alice")).status_code for _ in range(11)]
    unknown = [(await here.forgotten("nobody")).status_code for _ in range(1)]
    clock.advance(3600)
    later = await here.forgotten("alice")

    assert answers == [202] * 10 + [429]
    assert unknown == [429]  # from the same address
    assert later.status_code == 202
    assert len(here.box.messages) == 11


async def test_guesses_are_counted(here: Here) -> None:
    statuses = [(await here.reset("guess" * 8)).status_code for _ in range(121)]

    assert statuses[:120] == [404] * 120
    assert statuses[120] == 429


async def test_credentials_do_not_travel_in_the_clear(here: Here) -> None:
    async with make_client(here.services, address="198.51.100.7") as remote:
        answers = [
            await remote.post(FORGOTTEN, json={"username": "alice"}),
            await remote.post(RESET, json={"token": "x", "password": NEW}),
        ]

    assert [answer.status_code for answer in answers] == [426, 426]


async def test_an_address_is_proved_by_its_mail(here: Here) -> None:
    await here.world.user("alice")
    alice = await signed_in(here.client, here.world, "alice")

    sent = await here.client.post(SEND, headers=alice)
    await here.mailed()
    token = here.token()
    verified = await here.client.post(VERIFY, json={"token": token})
    again = await here.client.post(VERIFY, json={"token": token})
    needless = await here.client.post(SEND, headers=alice)

    assert (sent.status_code, verified.status_code) == (202, 204)
    assert told(again) == UNKNOWN
    assert needless.status_code == 409
    assert (await here.services.users.named("alice")).email_verified


async def test_of_two_proofs_at_once_one_counts(here: Here) -> None:
    await here.world.user("alice")
    await here.client.post(SEND, headers=await signed_in(here.client, here.world, "alice"))
    await here.mailed()
    token = here.token()
    checked = here.services.recovery._checked
    both_have = asyncio.Barrier(2)

    async def together(*arguments: Any, **named: Any) -> Any:
        found = await checked(*arguments, **named)
        await both_have.wait()
        return found

    here.services.recovery._checked = together  # type: ignore[method-assign]
    answers = await asyncio.gather(
        *(here.client.post(VERIFY, json={"token": token}) for _ in range(2))
    )

    assert sorted(answer.status_code for answer in answers) == [204, 404]


async def test_a_link_that_proves_an_address_sets_no_password(here: Here) -> None:
    await here.world.user("alice")
    await here.client.post(SEND, headers=await signed_in(here.client, here.world, "alice"))
    await here.mailed()

    assert told(await here.reset(here.token())) == UNKNOWN


async def test_links_that_ended_are_forgotten(here: Here, clock: FakeClock) -> None:
    await here.world.user("alice")
    await here.forgotten()
    clock.advance(timedelta(hours=2).total_seconds())
    await here.services.housekeeping.round()
    # The round after a jump of the clock is the one that believes it.
    await here.services.housekeeping.round()

    rows = await here.services.database.read(lambda c: c.execute(select(mail_links)).all())

    assert rows == []


# The pages


async def test_the_pages_lead_from_forgotten_to_signed_in(here: Here) -> None:
    await here.world.user("alice")
    client = here.client
    page = await client.get("/forgotten")
    asked = await client.post(
        "/forgotten",
        data={"form_token": hidden(page.text, "form_token"), "username": "alice"},
    )
    await here.mailed()
    url = f"/reset?token={here.token()}"
    page = await client.get(url)
    form = {"form_token": hidden(page.text, "form_token")}
    weak = await client.post(url, data={**form, "password": "alice"})
    done = await client.post(url, data={**form, "password": NEW})
    again = await client.post(url, data={**form, "password": NEW})
    opened = await client.get(url)

    assert "Look into your mail" in asked.text
    assert '<input name="username" value="alice" autocomplete="username"' in page.text
    assert (weak.status_code, done.status_code, again.status_code) == (422, 200, 404)
    assert opened.status_code == 404
    assert "Your password is changed" in done.text
    assert (await log_in(client, "alice", NEW)).status_code == 200


async def test_the_page_of_a_proof_asks_first(here: Here) -> None:
    await here.world.user("alice")
    await here.client.post(SEND, headers=await signed_in(here.client, here.world, "alice"))
    await here.mailed()
    url = f"/verify?token={here.token()}"

    page = await here.client.get(url)
    before = (await here.services.users.named("alice")).email_verified
    done = await here.client.post(url, data={"form_token": hidden(page.text, "form_token")})

    assert not before
    assert "Your address is verified" in done.text


@pytest.mark.parametrize("path", ["/forgotten", "/reset?token=x", "/verify?token=x"])
async def test_forms_must_be_ours(here: Here, path: str) -> None:
    await here.client.get(path)

    response = await here.client.post(
        path, data={"form_token": "x", "username": "alice", "password": NEW}
    )

    assert response.status_code == 403
