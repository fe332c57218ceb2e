"""`/account/programs`: what somebody has let clients do, and how they take it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from vestibule.clients.service import Clients
from vestibule.oauth.consents import Consents
from vestibule.oauth.models import Consent
from vestibule.orgs.service import Organizations
from vestibule.pages.account.names import Names, organizations_of
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter

PATH = "/account/programs"


class WithdrawForm(RoomForm):
    """Which client."""

    client: str = Field(default="", max_length=100)


@dataclass(slots=True)
class Program:
    """A client, and what it was let do, wherever that was."""

    client_id: str
    name: str
    since: datetime
    scopes: set[str] = field(default_factory=set)
    organizations: list[str] = field(default_factory=list)


def router(
    *, room: Room, consents: Consents, clients: Clients, organizations: Organizations
) -> PageRouter:
    """The page of one's own consents."""
    routes = room.router()

    @routes.shows(PATH)
    async def show(here: Here) -> Response:
        found = await consents.list_own(here.caller)
        known = await organizations_of(organizations, here.user.id)
        return here.page(
            "account/programs.html", programs=await _programs(found, known, Names(clients))
        )

    @routes.acts(PATH)
    async def withdraw(here: Here) -> Response:
        form = await here.form(WithdrawForm)
        await consents.withdraw(here.caller, form.client)
        return here.done("withdrawn")

    return routes


async def _programs(
    found: Sequence[Consent], known: dict[UUID, str], names: Names
) -> list[Program]:
    programs: dict[str, Program] = {}
    for consent in found:
        key = consent.client_id
        if key not in programs:
            programs[key] = Program(key, await names.client(key), consent.granted_at)
        program = programs[key]
        program.since = min(program.since, consent.granted_at)
        program.scopes |= set(consent.scopes)
        if consent.org_id in known:
            program.organizations.append(known[consent.org_id])
    return sorted(programs.values(), key=lambda program: program.name.casefold())
