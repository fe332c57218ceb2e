"""`vestibule org`: organizations and their members."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from vestibule.cli.output import AsJson, print_done, print_rows, run
from vestibule.orgs.models import Organization, Role
from vestibule.wiring import Services

app = typer.Typer(help="Organizations and their members.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(help="The organization's key, as in URLs.")]


@app.command()
def create(
    key: Key,
    name: Annotated[str, typer.Option(help="Display name; by default the key.")] = "",
    description: Annotated[str, typer.Option(help="What it is.")] = "",
    as_json: AsJson = False,
) -> None:
    """Create an organization."""

    async def work(services: Services) -> Organization:
        return await services.organizations.create(
            key=key, name=name or key, description=description
        )

    organization = run(work)
    print_done(f"Created the organization {key}.", asdict(organization), as_json=as_json)


@app.command()
def update(
    key: Key,
    name: Annotated[str | None, typer.Option(help="New display name.")] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--suspended", help="Whether anybody may enter it.")
    ] = None,
    password_sign_in: Annotated[
        bool | None,
        typer.Option(
            "--password-sign-in/--no-password-sign-in",
            help="Whether a local password is enough to enter it.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Rename, suspend or resume an organization, or demand another way to sign in."""

    async def work(services: Services) -> Organization:
        return await services.organizations.update(
            key, name=name, is_active=active, password_sign_in=password_sign_in
        )

    organization = run(work)
    print_done(f"Changed the organization {key}.", asdict(organization), as_json=as_json)


@app.command("add-member")
def add_member(
    key: Key,
    user: Annotated[str, typer.Argument(help="Username or e-mail address.")],
    role: Annotated[Role, typer.Option(help="What they may do in it.")] = Role.MEMBER,
    as_json: AsJson = False,
) -> None:
    """Let a user into an organization."""

    async def work(services: Services) -> dict[str, object]:
        member = await services.users.named(user)
        organization = await services.organizations.add_member(
            key=key, user_id=member.id, role=role
        )
        return {"org_id": organization.id, "user_id": member.id, "role": role.value}

    print_done(f"{user} is now {role.value} of {key}.", run(work), as_json=as_json)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the organizations by key."""

    async def work(services: Services) -> list[Organization]:
        found: list[Organization] = []
        while page := await services.organizations.list(after=found[-1].key if found else ""):
            found += page
        return found

    print_rows(
        [asdict(organization) for organization in run(work)],
        columns=["key", "name", "is_active", "password_sign_in", "created_at"],
        as_json=as_json,
    )
