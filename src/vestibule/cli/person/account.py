"""`vestibule whoami`, `vestibule token` and `vestibule logout`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vestibule.cli.person.sessions import (
    ProfileName,
    client_of,
    profiles,
    signed_in,
    store_at,
    told,
)
from vestibule.cli.printing import AsJson, print_done, print_json
from vestibule.client import InvalidGrant, SignInNeeded


def whoami(profile: ProfileName = "default", as_json: AsJson = False) -> None:
    """Say who is signed in, where, and in which organization."""
    with signed_in(profile) as (chosen, session):
        user = session.user()
        value = {
            "profile": profile,
            "url": chosen.url,
            "org": session.org,
            "orgs": [{"key": org.key, "name": org.name} for org in session.orgs],
            "user": user,
        }
        entered = f" in {session.org}" if session.org else ""
        sentence = f"{user.get('username')}{entered} at {chosen.url}"
    print_done(sentence, value, as_json=as_json)


def token(profile: ProfileName = "default", as_json: AsJson = False) -> None:
    """Print an access token that is good for a while yet, for scripts; nothing else."""
    with signed_in(profile) as (_, session):
        found, expires_at = session.access_token(), session.expires_at
    if as_json:
        print_json({"access_token": found, "expires_at": int(expires_at)})
    else:
        sys.stdout.write(f"{found}\n")


def logout(
    local: Annotated[
        bool, typer.Option("--local", help="Forget it here alone, where the service is gone.")
    ] = False,
    profile: ProfileName = "default",
    as_json: AsJson = False,
) -> None:
    """End the sign-in, at the service and here."""
    ended = True
    with told(profile):
        chosen = profiles().get(profile)
        if chosen is None:
            ended = False
        elif local:
            store_at(chosen.store).delete(profile)
        else:
            try:
                with client_of(chosen, profile) as client:
                    client.session().logout()
            except (SignInNeeded, InvalidGrant):
                ended = False
    sentence = "Signed out." if ended else "Nobody was signed in."
    print_done(sentence, {"profile": profile, "signed_out": ended}, as_json=as_json)
