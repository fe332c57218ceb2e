"""`/admin/clients`: the programs that people sign in with, and what each of them may."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from vestibule.clients.administration import ClientAdministration, Permissions
from vestibule.clients.models import Client, ClientKind, Grant
from vestibule.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    InvalidRequest,
    NotFound,
    ValidationFailed,
)
from vestibule.http.forms import read_pairs
from vestibule.pages.refusals import again
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter

PATH = "/admin/clients"
NEW = f"{PATH}/new"
ONE = f"{PATH}/{{client_id}}"
DEFAULT_SCOPES = ("openid", "profile", "email", "offline_access")
"""Who the person is, and no more: to act for them, a client must be given more."""


class ClientForm(RoomForm):
    """A client, as it was typed: sets stand in lines."""

    client_id: str = Field(default="", max_length=100)
    name: str = Field(default="", max_length=200)
    kind: ClientKind = ClientKind.CONFIDENTIAL
    scopes: str = Field(default="", max_length=4000)
    redirect_uris: str = Field(default="", max_length=8000)
    organizations: str = Field(default="", max_length=4000)
    minimum_version: str = Field(default="", max_length=64)
    first_party: bool = False
    dpop_bound: bool = False
    seen: datetime | None = None
    """When it was changed last, as whoever typed this saw it."""


def router(*, room: Room, clients: ClientAdministration) -> PageRouter:
    """The pages of clients."""
    routes = room.router()

    @routes.shows(PATH)
    async def show_all(here: Here) -> Response:
        return here.page("administration/clients.html", found=await clients.list(here.caller))

    @routes.shows(NEW)
    async def show_new(here: Here) -> Response:
        form = ClientForm(action="create", scopes="\n".join(DEFAULT_SCOPES))
        return _new(here, form, {Grant.AUTHORIZATION_CODE, Grant.REFRESH_TOKEN})

    @routes.acts(NEW)
    async def create(here: Here) -> Response:
        form, grants = await _sent(here)
        try:
            secret = await clients.create(
                here.caller,
                form.client_id,
                form.kind,
                _permissions(form, grants, default=form.client_id),
            )
        except (ValidationFailed, AlreadyExists) as error:
            return _new(here, form, grants, refused=error)
        client = await clients.get(here.caller, form.client_id)
        return _one(here, client, secret=secret)

    @routes.shows(ONE)
    async def show(here: Here) -> Response:
        return _one(here, await clients.get(here.caller, here.param("client_id")))

    @routes.acts(ONE)
    async def act(here: Here) -> Response:
        client = await clients.get(here.caller, here.param("client_id"))
        form, grants = await _sent(here)
        secret = None
        try:
            if form.action == "rotate_secret":
                secret = await clients.rotate_secret(here.caller, client.client_id)
            elif form.action in ("enable", "disable"):
                is_active = form.action == "enable"
                await clients.switch(here.caller, client.client_id, is_active=is_active)
            elif form.action == "save":
                await clients.update(
                    here.caller,
                    client.client_id,
                    _permissions(form, grants, default=client.client_id),
                    seen=form.seen,
                )
            else:
                raise NotFound("Nothing is here", cause="action")
        except (ValidationFailed, InvalidRequest, Conflict) as error:
            return _one(here, client, form=form, grants=grants, refused=error)
        if secret is None:
            return here.done(form.action)
        return _one(here, client, secret=secret)

    return routes


def _new(
    here: Here, form: ClientForm, grants: set[str], *, refused: ApiError | None = None
) -> Response:
    return here.page(
        "administration/client_new.html",
        **again(refused),
        form=form,
        grants=grants,
        all_grants=list(Grant),
        kinds=list(ClientKind),
    )


def _one(
    here: Here,
    client: Client,
    *,
    form: ClientForm | None = None,
    grants: set[str] | None = None,
    secret: SecretStr | None = None,
    refused: ApiError | None = None,
) -> Response:
    return here.page(
        "administration/client.html",
        **again(refused),
        client=client,
        own_token=here.token(f"{PATH}/{client.client_id}"),
        form=form or _form_of(client),
        grants=client.grants if grants is None else grants,
        all_grants=list(Grant),
        secret=secret.get_secret_value() if secret else "",
    )


async def _sent(here: Here) -> tuple[ClientForm, set[str]]:
    """The form, and the boxes that are checked in it: each grant is one of its own name."""
    form = await here.form(ClientForm)
    return form, await _checked(here.request)


async def _checked(request: Request) -> set[str]:
    names = {name for name, _ in await read_pairs(request)}
    return {grant.value for grant in Grant if f"grant:{grant.value}" in names}


def _permissions(form: ClientForm, grants: set[str], *, default: str) -> Permissions:
    return Permissions(
        name=form.name.strip() or default,
        grants=frozenset(grants),
        scopes=frozenset(form.scopes.split()),
        redirect_uris=frozenset(form.redirect_uris.split()),
        organizations=frozenset(form.organizations.split()) or None,
        minimum_version=form.minimum_version or None,
        first_party=form.first_party,
        dpop_bound=form.dpop_bound,
    )


def _form_of(client: Client) -> ClientForm:
    return ClientForm(
        action="save",
        client_id=client.client_id,
        name=client.name,
        kind=client.kind,
        scopes="\n".join(sorted(client.scopes)),
        redirect_uris="\n".join(sorted(client.redirect_uris)),
        organizations="\n".join(sorted(client.organizations or ())),
        minimum_version=client.minimum_version or "",
        first_party=client.first_party,
        dpop_bound=client.dpop_bound,
        seen=client.updated_at,
    )
