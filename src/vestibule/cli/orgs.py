"""`vestibule org`: organizations and their members."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from vestibule.cli.output import AsJson, print_done, print_rows, run
from vestibule.members.repository import Member
from vestibule.orgs.models import Organization, Role, Workspace
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
    directory: Annotated[
        str | None,
        typer.Option(help="Upstream directory that all must sign in through; '' for none."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Rename, suspend or resume an organization, or demand another way to sign in."""

    async def work(services: Services) -> Organization:
        if directory:
            await services.registry.get(directory)
        return await services.organizations.update(
            key,
            name=name,
            is_active=active,
            password_sign_in=password_sign_in,
            directory=directory,
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


@app.command("remove-member")
def remove_member(
    key: Key,
    user: Annotated[str, typer.Argument(help="Username or e-mail address.")],
    as_json: AsJson = False,
) -> None:
    """Put a user out of an organization; its last owner stays."""

    async def work(services: Services) -> dict[str, object]:
        member = await services.users.named(user)
        organization = await services.organizations.remove_member(key=key, user_id=member.id)
        return {"org_id": organization.id, "user_id": member.id}

    print_done(f"{user} is no member of {key} any more.", run(work), as_json=as_json)


@app.command()
def members(key: Key, as_json: AsJson = False) -> None:
    """List the members of an organization, the oldest accounts first."""

    async def work(services: Services) -> list[Member]:
        organization = await services.organizations.get(key)
        found: list[Member] = []
        while page := await services.members.of(
            organization.id, after=found[-1].user_id if found else None
        ):
            found += page
        return found

    print_rows(
        [asdict(member) for member in run(work)],
        columns=["username", "email_address", "full_name", "role", "joined_at"],
        as_json=as_json,
    )


@app.command()
def transfer(
    key: Key,
    user: Annotated[str, typer.Argument(help="Username or e-mail address of a member.")],
    as_json: AsJson = False,
) -> None:
    """Make a member the only owner; the former owners become admins."""

    async def work(services: Services) -> dict[str, object]:
        heir = await services.users.named(user)
        organization = await services.organizations.transfer(key=key, user_id=heir.id)
        return {"org_id": organization.id, "user_id": heir.id, "role": Role.OWNER.value}

    print_done(f"{user} is now the owner of {key}.", run(work), as_json=as_json)


@app.command()
def workspaces(key: Key, as_json: AsJson = False) -> None:
    """List the workspaces of an organization by key."""

    async def work(services: Services) -> list[Workspace]:
        found: list[Workspace] = []
        while page := await services.organizations.workspaces(
            key, after=found[-1].key if found else ""
        ):
            found += page
        return found

    print_rows(
        [asdict(workspace) for workspace in run(work)],
        columns=["key", "name", "is_default", "created_at"],
        as_json=as_json,
    )


@app.command("create-workspace")
def create_workspace(
    key: Key,
    workspace: Annotated[str, typer.Argument(help="The workspace's key, as in URLs.")],
    name: Annotated[str, typer.Option(help="Display name; by default the key.")] = "",
    as_json: AsJson = False,
) -> None:
    """Create a workspace and its default project."""

    async def work(services: Services) -> Workspace:
        return await services.organizations.create_workspace(
            key, workspace_key=workspace, name=name or workspace
        )

    made = run(work)
    print_done(f"Created the workspace {workspace} of {key}.", asdict(made), as_json=as_json)


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
        columns=["key", "name", "is_active", "password_sign_in", "directory", "created_at"],
        as_json=as_json,
    )
