"""A house whose people each sit at a browser: alice owns acme, bob belongs to it, root administers.

Through its pages and interfaces somebody stores what others are shown.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx

from tests.identity.fakes import FakeConnector, Fakes
from tests.oauth.flows import AUTHORIZE, CALLBACK, Pkce, authorization_query, hidden
from tests.pages.rooms import enter, send
from tests.scim.conftest import Provider
from tests.world import World
from vestibule.app import build
from vestibule.clients.models import ClientKind, Grant
from vestibule.clock import utc
from vestibule.ids import new_id
from vestibule.orgs.models import Role
from vestibule.users import import_jobs
from vestibule.users.import_jobs import ImportJob
from vestibule.wiring import Services

SCOPES = ["openid", "api:read", "<script>alert(1)</script>'"]
ALL = " ".join(SCOPES)


@dataclass
class House:
    """Who is there, and what they do."""

    services: Services
    world: World
    fakes: Fakes
    browsers: dict[str, httpx.AsyncClient]
    """By username; `anybody` is not signed in."""
    ids: dict[str, UUID | str]
    """What stands in braces in addresses."""

    async def page(self, address: str) -> httpx.Response:
        """What somebody is shown: `alice /account`."""
        who, _, path = address.partition(" ")
        return await self.browsers[who].get(path.format(**self.ids))

    async def send(self, address: str, action: str, /, **fields: str) -> httpx.Response:
        """Somebody fills in a form of a page, and it is taken."""
        who, _, path = address.partition(" ")
        answer = await send(self.browsers[who], path.format(**self.ids), action, **fields)
        assert answer.status_code in (200, 303), answer.text
        return answer

    async def newcomer(self, name: str, username: str, *, org: str = "acme") -> None:
        """Somebody with such a username is known by this name, and belongs there."""
        user = await self.services.users.named(username)
        self.ids[name] = user.id
        await self.services.organizations.add_member(key=org, user_id=user.id, role=Role.MEMBER)

    async def client(self, name: str) -> None:
        """A client of this name, of which alice knows how to be let in."""
        await self.services.clients.create(
            client_id="portal", name=name, kind=ClientKind.PUBLIC, scopes=SCOPES,
            grants=[Grant.AUTHORIZATION_CODE, Grant.DEVICE_CODE, Grant.PASSWORD],
            redirect_uris=[CALLBACK],
        )  # fmt: skip

    async def let_in(self, **changes: str) -> None:
        """Alice lets the client in."""
        url = f"{AUTHORIZE}?{authorization_query('portal', Pkce(), **{'scope': ALL, **changes})}"
        browser = self.browsers["alice"]
        token = hidden((await browser.get(url)).text, "form_token")
        answer = await browser.post(url, data={"action": "approve", "form_token": token})
        assert answer.status_code == 303, answer.text

    async def imported(self, **changes: Any) -> UUID:
        """The id of an import that has ended."""
        now = utc(self.services.clock)
        job = ImportJob(
            id=new_id(), file_name="people.csv", file_size=9, started_by=UUID(int=1),
            started_at=now, seen_at=now, ended_at=now, position=9, created=0, unchanged=0,
            refused=0, refusals=[], failure=None,
        )  # fmt: skip
        job = replace(job, **changes)
        await self.services.database.write(lambda c: import_jobs.add(c, job))
        return job.id

    async def provisioned(self, name: str) -> httpx.Response:
        """What alice is shown of a token of this name, with which a group of this name is made."""
        made = await self.send("alice /organizations/acme/provisioning/new", "make", name=name)
        secret = made.text.split('<code id="secret">')[1].split("<")[0]
        await Provider(self.browsers["anybody"], secret).group(name)
        return made

    async def directory(self, **fields: Any) -> FakeConnector:
        """A directory for corp.example, whose people belong to acme."""
        connection = fields.pop("connection", None) or {
            "kind": "ldap", "urls": ["ldaps://127.0.0.1:9"], "user_base": "dc=x",
        }  # fmt: skip
        configuration = {
            "key": "corp", "name": "Corp", "domains": ["corp.example"], "connection": connection,
            **fields,
        }  # fmt: skip
        await self.send(
            "root /admin/directories/new", "create", configuration=json.dumps(configuration)
        )
        return self.fakes["corp"]


CONSENT = f"{AUTHORIZE}?{authorization_query('portal', Pkce(), scope=ALL)}"
"""What alice is asked about the client."""


@asynccontextmanager
async def house(services: Services, world: World, fakes: Fakes) -> AsyncIterator[House]:
    """The house, with everybody signed in."""
    alice, bob = await world.user("alice"), await world.user("bob")
    root = await world.user("root", is_admin=True)
    await world.org("acme", alice, role=Role.OWNER)
    await services.organizations.add_member(key="acme", user_id=bob.id, role=Role.MEMBER)
    # One application for all of them: to make it takes longer than what most of them ask.
    transport = httpx.ASGITransport(app=build(services), client=("127.0.0.1", 4711))
    async with AsyncExitStack() as stack:
        browsers = {
            name: await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")
            )
            for name in ("alice", "bob", "root", "anybody")
        }
        for name in ("alice", "bob", "root"):
            await enter(browsers[name], "/account", name)
        ids: dict[str, UUID | str] = {"alice": alice.id, "bob": bob.id, "root": root.id}
        yield House(services, world, fakes, browsers, ids)
