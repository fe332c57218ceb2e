"""`vestibule login`: with a password, or by a yes in a browser."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from vestibule.cli.person.profiles import Profile
from vestibule.cli.person.sessions import (
    ProfileName,
    ask_for,
    ask_for_password,
    client_of,
    profiles,
    remember,
    store_at,
    told,
    usable_place,
)
from vestibule.cli.printing import AsJson, err, fail, print_done
from vestibule.client import Client, DeviceCode, Session


def login(
    url: Annotated[
        str | None, typer.Option(help="Address of the service; by default that of the profile.")
    ] = None,
    username: Annotated[
        str | None, typer.Option("--username", "-u", help="Username or e-mail address.")
    ] = None,
    device: Annotated[
        bool, typer.Option("--device", help="Approve it in a browser, on any device.")
    ] = False,
    org: Annotated[
        str | None, typer.Option(help="Key of the organization to enter.", metavar="KEY")
    ] = None,
    allow_insecure_http: Annotated[
        bool,
        typer.Option(
            "--allow-insecure-http", help="Send secrets over plain HTTP to another machine."
        ),
    ] = False,
    profile: ProfileName = "default",
    as_json: AsJson = False,
) -> None:
    """Sign in; the password is asked for, or read from standard input."""
    with told(profile):
        former = profiles().get(profile)
        address = url or (former and former.url)
        if not address:
            fail("Say which service with --url", code=2)
        place = usable_place()
        chosen = Profile(
            url=address,
            username=username or _same_place(former, address),
            store=place,
            allow_insecure_http=allow_insecure_http,
        )
        with client_of(chosen, profile) as client:
            if device:
                session = client.device_login(_show, org=org)
                name = str(session.user().get("username"))
            else:
                name = chosen.username or ask_for("Username")
                session = _with_password(client, name, org)
            _finish(profile, chosen, former, name, session.org)
            _say(profile, address, name, session, as_json=as_json)


def _same_place(former: Profile | None, address: str) -> str | None:
    """The former username, where it is that of the same service."""
    return former.username if former and former.url == address else None


def _with_password(client: Client, username: str, org: str | None) -> Session:
    return client.login(username, ask_for_password().reveal(), org=org)


def _show(code: DeviceCode) -> None:
    err.print(
        f"Open [bold]{_printable(code.verification_uri)}[/] and enter the code "
        f"[bold]{_printable(code.user_code)}[/]\n"
        f"or open {_printable(code.verification_uri_complete)}\n"
        f"Waiting for your yes (Ctrl-C gives up) …",
        soft_wrap=True,
    )


def _printable(text: str) -> str:
    # Whatever answers at that address may not write escape sequences to the terminal.
    return escape("".join(character for character in text if character.isprintable()))


def _finish(
    name: str, chosen: Profile, former: Profile | None, username: str, org: str | None
) -> None:
    """Keep the profile, and no tokens in a place that is used no more."""
    if former is not None and former.store != chosen.store:
        store_at(former.store).delete(name)
    if chosen.store == "file" and (former is None or former.store != "file"):
        err.print(
            "[yellow]No keyring works here: the tokens are kept in a file that only you can "
            "read.[/]",
            soft_wrap=True,
        )
    known = Profile(
        url=chosen.url,
        username=username,
        store=chosen.store,
        allow_insecure_http=chosen.allow_insecure_http,
    )
    remember(name, known, org=org)


def _say(profile: str, url: str, username: str, session: Session, *, as_json: bool) -> None:
    value: dict[str, Any] = {
        "profile": profile,
        "url": url,
        "username": username,
        "org": session.org,
        "orgs": [{"key": org.key, "name": org.name} for org in session.orgs],
    }
    entered = f" in {session.org}" if session.org else ""
    print_done(f"Signed in as {username}{entered}.", value, as_json=as_json)
