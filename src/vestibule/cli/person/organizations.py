"""`vestibule org switch`: the person's part of the group."""

from __future__ import annotations

from typing import Annotated

import typer

from vestibule.cli.person.sessions import ProfileName, remember, signed_in
from vestibule.cli.printing import AsJson, print_done

app = typer.Typer(help="Organizations and their members.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Organizations and their members."""


@app.command()
def switch(
    key: Annotated[str, typer.Argument(help="The organization's key, as in URLs.")],
    profile: ProfileName = "default",
    as_json: AsJson = False,
) -> None:
    """Enter another of your organizations at the service where you are signed in."""
    with signed_in(profile) as (chosen, session):
        session.switch_org(key)
        remember(profile, chosen, org=key)
    print_done(f"You are now in {key}.", {"profile": profile, "org": key}, as_json=as_json)
