"""`vestibule`: the commands put together."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from vestibule import __version__
from vestibule.cli import audit, clients, doctor, keys, orgs, passwords, serve, users

app = typer.Typer(
    name="vestibule",
    help="The self-hosted sign-in service for platforms whose users belong to organizations.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("serve")(serve.serve)
app.command("migrate")(serve.migrate)
app.add_typer(users.app, name="user")
app.add_typer(orgs.app, name="org")
app.add_typer(clients.app, name="client")
app.add_typer(keys.app, name="keys")
app.add_typer(passwords.app, name="passwords")
app.add_typer(audit.app, name="audit")
app.command("doctor")(doctor.doctor)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it and end."),
    ] = False,
) -> None:
    """Options of all commands."""


def main() -> None:
    """The entry point of the `vestibule` command."""
    # Whatever it creates is the owner's alone: databases, secrets, logs.
    os.umask(0o077)
    app()
