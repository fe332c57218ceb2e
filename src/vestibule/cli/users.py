"""`vestibule user`: accounts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from vestibule.cli.exporting import export
from vestibule.cli.output import (
    AsJson,
    ask_password,
    err,
    fail,
    print_done,
    print_json,
    print_rows,
    run,
)
from vestibule.users.models import User
from vestibule.wiring import Services

app = typer.Typer(help="Accounts.", no_args_is_help=True)
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
        return await services.users.list(search=search, after=after, limit=limit)

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


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="CSV or JSON Lines, by its ending.", exists=True, dir_okay=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Create accounts from a file, with their password hashes; can be run again at will.

    Columns: username, email_address, first_name, last_name, password_hash or password,
    is_active, email_verified, organizations (keys, in CSV separated by semicolons, each with
    :ROLE where it is not member). Refused lines are told on standard error.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from vestibule.cli.importfile import UnknownFormat, open_rows
    from vestibule.users.importing import Importer, Refusal, Summary

    def refused(refusal: Refusal) -> None:
        if as_json:
            err.print_json(data=asdict(refusal), indent=None)
        else:
            err.print(f"line {refusal.line}: {refusal.reason}", markup=False)

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[done]:,} created"), TimeRemainingColumn(), console=err,
    )  # fmt: skip

    async def work(services: Services) -> Summary:
        importer = Importer(
            database=services.database,
            users=services.users,
            organizations=services.organizations,
            passwords=services.passwords,
        )
        with open_rows(file) as rows, bar:
            task = bar.add_task("Importing", total=rows.size, done=0)

            def progress(summary: Summary) -> None:
                bar.update(task, completed=rows.position, done=summary.created)

            return await importer.run(rows, refused=refused, progress=progress)

    try:
        summary = run(work)
    except UnknownFormat as error:
        fail(str(error))
    if as_json:
        print_json(asdict(summary))
    else:
        typer.echo(
            f"{summary.created:,} created, {summary.unchanged:,} there already, "
            f"{summary.refused:,} refused"
        )
    if summary.refused:
        raise typer.Exit(1)


def _set_active(name: str, *, active: bool, as_json: bool) -> None:
    async def work(services: Services) -> User:
        return await services.users.update(await services.users.named(name), is_active=active)

    changed = run(work)
    state = "enabled" if active else "disabled"
    print_done(f"The user {changed.username} is {state}.", _shown(changed), as_json=as_json)


def _shown(user: User) -> dict[str, Any]:
    shown = {name: value for name, value in asdict(user).items() if name != "password_hash"}
    return {**shown, "full_name": user.full_name, "has_password": user.password_hash is not None}
