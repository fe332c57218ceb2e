"""`vestibule client`: OAuth 2.0 clients."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from vestibule.cli.output import AsJson, fail, print_done, print_rows, run
from vestibule.clients.models import Client, ClientKind, Grant
from vestibule.wiring import Services

app = typer.Typer(help="OAuth 2.0 clients.", no_args_is_help=True)

DEFAULT_SCOPES = ["email", "offline_access", "openid", "profile"]
"""Who the person is, and no more: to act for them, a client must be given api:read, api:write."""

ClientId = Annotated[str, typer.Argument(help="The client_id.")]


@app.command()
def create(
    client_id: ClientId,
    name: Annotated[str, typer.Option(help="Display name; by default the client_id.")] = "",
    kind: Annotated[
        ClientKind, typer.Option(help="Whether it can keep a secret.")
    ] = ClientKind.CONFIDENTIAL,
    grant: Annotated[list[Grant] | None, typer.Option(help="A grant it may use.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="A scope it may ask for.")] = None,
    minimum_version: Annotated[
        str | None, typer.Option(help="Oldest version of it that may sign in.")
    ] = None,
    organization: Annotated[
        list[str] | None, typer.Option(help="An organization it may enter; by default all.")
    ] = None,
    redirect_uri: Annotated[
        list[str] | None, typer.Option(help="Where an authorization may be answered to.")
    ] = None,
    jwks: Annotated[
        Path | None,
        typer.Option(
            help="File with its public keys: it proves itself by private_key_jwt, not a secret.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    first_party: Annotated[
        bool, typer.Option("--first-party", help="The platform's own: nobody is asked to consent.")
    ] = False,
    dpop: Annotated[
        bool, typer.Option("--dpop", help="Its tokens are bound to a key (RFC 9449).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Register a client; the secret of a confidential one is shown this once."""

    async def work(services: Services) -> dict[str, Any]:
        client, secret = await services.clients.create(
            client_id=client_id,
            name=name or client_id,
            kind=kind,
            grants=grant or [Grant.PASSWORD, Grant.REFRESH_TOKEN],
            scopes=scope or DEFAULT_SCOPES,
            minimum_version=minimum_version,
            organizations=organization,
            redirect_uris=redirect_uri or [],
            jwks=_read_jwks(jwks) if jwks else None,
            first_party=first_party,
            dpop_bound=dpop,
        )
        return {**_shown(client), "client_secret": secret and secret.get_secret_value()}

    done = run(work)
    secret = done["client_secret"]
    told = f" Its secret is shown this once:\n{secret}" if secret else ""
    print_done(f"Registered the client {client_id}.{told}", done, as_json=as_json)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the clients by id."""

    async def work(services: Services) -> list[Client]:
        return await services.clients.list()

    print_rows(
        [_shown(client) for client in run(work)],
        columns=["client_id", "name", "kind", "grants", "scopes", "minimum_version", "is_active"],
        as_json=as_json,
    )


@app.command("rotate-secret")
def rotate_secret(client_id: ClientId, as_json: AsJson = False) -> None:
    """Give a confidential client a new secret; the former ends within a second."""

    async def work(services: Services) -> str:
        return (await services.clients.rotate_secret(client_id)).get_secret_value()

    secret = run(work)
    print_done(
        f"The new secret of {client_id} is shown this once:\n{secret}",
        {"client_id": client_id, "client_secret": secret},
        as_json=as_json,
    )


@app.command()
def disable(client_id: ClientId, as_json: AsJson = False) -> None:
    """Switch a client off: it is answered as one that isn't there, and nothing of it is lost."""
    _switch(client_id, is_active=False, as_json=as_json)


@app.command()
def enable(client_id: ClientId, as_json: AsJson = False) -> None:
    """Switch a client on again, with the sessions that have not ended meanwhile."""
    _switch(client_id, is_active=True, as_json=as_json)


def _switch(client_id: str, *, is_active: bool, as_json: bool) -> None:
    async def work(services: Services) -> Client:
        return await services.clients.switch(client_id, is_active=is_active)

    changed = run(work)
    state = "enabled" if is_active else "disabled"
    print_done(f"The client {client_id} is {state}.", _shown(changed), as_json=as_json)


def _read_jwks(file: Path) -> dict[str, Any]:
    try:
        keys = json.loads(file.read_text())
    except ValueError:
        keys = None
    if not isinstance(keys, dict):
        fail(f"{file} holds no JWK Set")
    return keys


def _shown(client: Client) -> dict[str, Any]:
    shown = {name: value for name, value in asdict(client).items() if name != "secret_hash"}
    for name in ("grants", "scopes", "organizations", "redirect_uris"):
        shown[name] = None if shown[name] is None else sorted(shown[name])
    return shown
