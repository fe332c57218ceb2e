"""`/admin/directories`: upstream directories, whether they answer, and what is said of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from starlette.responses import Response

from vestibule.errors import (
    AlreadyExists,
    ApiError,
    BadGateway,
    Conflict,
    GatewayTimeout,
    NotFound,
    ValidationFailed,
)
from vestibule.http.envelope import validation_items
from vestibule.http.forms import MAX_SECRET, once
from vestibule.identity.administration import DirectoryAdministration
from vestibule.identity.configuration import DirectoryConfiguration
from vestibule.identity.upstream import Upstream
from vestibule.pages.language import gettext as _, ngettext
from vestibule.pages.refusals import again
from vestibule.pages.rooms import Here, Room, RoomForm
from vestibule.pages.routes import PageRouter, see_other

PATH = "/admin/directories"
NEW = f"{PATH}/new"
ONE = f"{PATH}/{{directory}}"

SECRETS = {"ldap": "bind_password", "oidc": "client_secret"}
"""By kind, the field of a connection that is never shown."""

TEMPLATES: dict[str, dict[str, Any]] = {
    "ldap": {
        "key": "company",
        "name": "Company",
        "domains": ["example.org"],
        "connection": {
            "kind": "ldap",
            "preset": "openldap",
            "urls": ["ldaps://ldap.example.org"],
            "bind_dn": "cn=reader,dc=example,dc=org",
            "user_base": "ou=people,dc=example,dc=org",
            "group_base": "ou=groups,dc=example,dc=org",
        },
        "groups": [],
    },
    "oidc": {
        "key": "company",
        "name": "Company",
        "domains": ["example.org"],
        "connection": {
            "kind": "oidc",
            "issuer": "https://id.example.org",
            "client_id": "vestibule",
        },
        "groups": [],
    },
}
REFUSALS = (
    ValidationFailed, AlreadyExists, Conflict, NotFound, BadGateway, GatewayTimeout,
)  # fmt: skip


class DirectoryForm(RoomForm):
    """What the forms send: a configuration as JSON with its secret apart, or one act."""

    configuration: str = Field(default="", max_length=200_000)
    secret: SecretStr = Field(default=SecretStr(""), max_length=MAX_SECRET)
    org: str = Field(default="", max_length=63)
    force: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A directory as the pages show it."""

    upstream: Upstream
    source: str

    @property
    def text(self) -> str:
        """Its configuration, without secrets."""
        return _text(self.upstream.configuration.plain())


def router(*, room: Room, directories: DirectoryAdministration) -> PageRouter:
    """The pages of directories."""
    routes = room.router()

    @routes.shows(PATH)
    async def show_all(here: Here) -> Response:
        found = [_shown(upstream) for upstream in await directories.directories(here.caller)]
        return here.page("administration/directories.html", found=found)

    @routes.shows(NEW)
    async def show_new(here: Here) -> Response:
        kind = "oidc" if here.query("kind") == "oidc" else "ldap"
        return _new(here, _text(TEMPLATES[kind]))

    @routes.acts(NEW)
    async def create(here: Here) -> Response:
        form = await here.form(DirectoryForm)
        try:
            made = await directories.create(here.caller, _configuration(form))
        except REFUSALS as error:
            return _new(here, form.configuration, refused=error)
        return see_other(f"{PATH}/{made.key}?done=created")

    @routes.shows(ONE)
    async def show(here: Here) -> Response:
        return await one(here)

    @routes.acts(ONE)
    async def act(here: Here) -> Response:
        form = await here.form(DirectoryForm)
        key = here.param("directory")
        try:
            if form.action == "check":
                seconds = await directories.check(here.caller, key)
                told = _("It answered within {ms} ms.").format(ms=round(1000 * seconds, 1))
                return await one(here, told=told)
            if form.action == "sync":
                return await one(here, told=await synchronized(here, key, force=form.force))
            await change(here, key, form)
        except REFUSALS as error:
            typed = form.configuration if form.action == "save" else None
            return await one(here, typed=typed, refused=error)
        if form.action == "remove":
            return here.done("removed", at=PATH)
        return here.done(form.action)

    async def change(here: Here, key: str, form: DirectoryForm) -> None:
        match form.action:
            case "save":
                await directories.change(here.caller, key, _configuration(form))
            case "remove":
                await directories.remove(here.caller, key)
            case "demand":
                await directories.demand(here.caller, key, org=form.org)
            case "release":
                await directories.release(here.caller, key, org=form.org)
            case _:
                raise NotFound("Nothing is here", cause="action")

    async def synchronized(here: Here, key: str, *, force: bool) -> str:
        done = await directories.synchronize(here.caller, key, force=force)
        told = ngettext(
            "{asked} person was looked up: {gone} gone, {disabled} disabled.",
            "{asked} people were looked up: {gone} gone, {disabled} disabled.",
            done.asked,
        ).format(asked=done.asked, gone=done.gone, disabled=done.disabled)
        if done.stopped:
            told += " " + _("It ended early: {reason}.").format(reason=done.stopped)
        return told

    async def one(
        here: Here, *, told: str = "", typed: str | None = None, refused: ApiError | None = None
    ) -> Response:
        directory = _shown(await directories.get(here.caller, here.param("directory")))
        return here.page(
            "administration/directory.html",
            **again(refused),
            scripts=False,
            directory=directory,
            text=directory.text if typed is None else typed,
            told=told,
        )

    def _shown(upstream: Upstream) -> Shown:
        in_settings = directories.is_of_settings(upstream.key)
        return Shown(upstream, "settings" if in_settings else "pages")

    return routes


def _new(here: Here, text: str, *, refused: ApiError | None = None) -> Response:
    return here.page(
        "administration/directory_new.html",
        **again(refused),
        scripts=False,
        text=text,
    )


def _configuration(form: DirectoryForm) -> DirectoryConfiguration:
    """What was typed. Raises `ValidationFailed`, without any of it."""
    try:
        given = json.loads(form.configuration, object_pairs_hook=once)
    except (ValueError, RecursionError, ApiError):
        raise ValidationFailed.of("configuration", "This is no JSON") from None
    if not isinstance(given, dict):
        raise ValidationFailed.of("configuration", "This is no JSON object")
    connection = given.get("connection")
    secret = form.secret.get_secret_value()
    if isinstance(connection, dict) and secret:
        name = SECRETS.get(str(connection.get("kind")))
        if name is not None:
            connection[name] = secret
    try:
        return DirectoryConfiguration.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise ValidationFailed(errors=validation_items(found)) from None


def _text(configuration: dict[str, Any]) -> str:
    return json.dumps(configuration, indent=2, ensure_ascii=False)
