"""`vestibule user`: accounts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from vestibule.cli.exporting import export
from vestibule.cli.importing import import_
from vestibule.cli.output import AsJson, ask_password, print_done, print_rows, run
from vestibule.users.models import User
from vestibule.wiring import Services

app = typer.Typer(help="Accounts.", no_args_is_help=True)
app.command("import")(import_)
app.command()(export)

Name = Annotated[str, typer.Argument(help="Username or e-mail address.")]


@app.command()
def create(
    username: Annotated[str, typer.Argument(help="The username.")],
    email: Annotated[str | None, typer.Option(help="E-mail address.")] = None,
    first_name: Annotated[str, typer.Option(help="First name.")] = "",
    last_name: Annotated[str, typer.Option(help="Last name.")] = "",
    verified: Annotated[bool, typer.Option(help="The address is known to be theirs.")] = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="No local password opens it.")
    ] = False,
    admin: Annotated[
        bool, typer.Option("--admin", help="They administer the whole service.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create an account; the password is asked for, or read from standard input."""
    password = None if no_password else ask_password()

    async def work(services: Services) -> User:
        return await services.users.create(
            username=username,
            email_address=email,
            first_name=first_name,
            last_name=last_name,
            password=password,
            email_verified=verified,
            is_admin=admin,
        )

    user = run(work)
    print_done(f"Created the user {user.username}.", _shown(user), as_json=as_json)


@app.command("list")
def list_(
    search: Annotated[str, typer.Option(help="Start of a username or e-mail address.")] = "",
    after: Annotated[str, typer.Option(help="Only usernames behind this one.")] = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=100_000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List accounts by username."""

    async def work(services: Services) -> list[User]:
        behind = f"username:{after}" if after else ""
        found, _ = await services.users.search(search, after=behind, limit=limit)
        return found

    print_rows(
        [_shown(user) for user in run(work)],
        columns=["username", "email_address", "full_name", "is_active", "email_verified"],
        as_json=as_json,
    )


@app.command()
def update(
    user: Name,
    first_name: Annotated[str | None, typer.Option(help="New first name.")] = None,
    last_name: Annotated[str | None, typer.Option(help="New last name.")] = None,
    verified: Annotated[
        bool | None, typer.Option(help="Whether the address is known to be theirs.")
    ] = None,
    default_org: Annotated[
        str | None, typer.Option(help="Key of the organization they enter by default.")
    ] = None,
    admin: Annotated[
        bool | None, typer.Option(help="Whether they administer the whole service.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change an account."""

    async def work(services: Services) -> User:
        found = await services.users.named(user)
        org_id = (await services.organizations.get(default_org)).id if default_org else None
        return await services.users.update(
            found,
            first_name=first_name,
            last_name=last_name,
            email_verified=verified,
            default_org_id=org_id,
            is_admin=admin,
        )

    changed = run(work)
    print_done(f"Changed the user {changed.username}.", _shown(changed), as_json=as_json)


@app.command()
def disable(user: Name, as_json: AsJson = False) -> None:
    """Let nobody sign in to an account; nothing of it is lost."""
    _set_active(user, active=False, as_json=as_json)


@app.command()
def enable(user: Name, as_json: AsJson = False) -> None:
    """Let the owner of a disabled account sign in again."""
    _set_active(user, active=True, as_json=as_json)


@app.command("set-password")
def set_password(user: Name, as_json: AsJson = False) -> None:
    """Replace a password by one that is asked for, or read from standard input."""
    password = ask_password()

    async def work(services: Services) -> User:
        return await services.users.set_password(await services.users.named(user), password)

    changed = run(work)
    print_done(f"The password of {changed.username} is set.", _shown(changed), as_json=as_json)


def _set_active(name: str, *, active: bool, as_json: bool) -> None:
    async def work(services: Services) -> User:
        return await services.users.update(await services.users.named(name), is_active=active)

    changed = run(work)
    state = "enabled" if active else "disabled"
    print_done(f"The user {changed.username} is {state}.", _shown(changed), as_json=as_json)


def _shown(user: User) -> dict[str, Any]:
    shown = {name: value for name, value in asdict(user).items() if name != "password_hash"}
    return {**shown, "full_name": user.full_name, "has_password": user.password_hash is not None}
