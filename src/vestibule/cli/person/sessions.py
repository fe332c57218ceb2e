"""From a profile to a client and its session, and from our exceptions to exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated

import typer
from platformdirs import user_config_path, user_state_path

from vestibule import __version__
from vestibule.cli.person.profiles import Place, Profile, Profiles
from vestibule.cli.printing import fail
from vestibule.client import (
    Client,
    FileStore,
    InsecureAddress,
    KeyringStore,
    Secret,
    ServiceUnavailable,
    Session,
    SignInNeeded,
    StoreFailed,
    TokenStore,
    VestibuleError,
)

NAME = "vestibule"
INTERRUPTED = 130
"""What a shell calls a command that Ctrl-C has ended."""

ProfileName = Annotated[
    str,
    typer.Option(
        "--profile", envvar="VESTIBULE_PROFILE", help="Which sign-in, by a name of yours."
    ),
]


def profiles() -> Profiles:
    """The profiles of whoever runs this."""
    return Profiles(user_config_path(NAME) / "config.json")


def store_at(place: Place) -> TokenStore:
    """Where tokens are kept: the keyring, or a file that only its owner can read."""
    folder = user_state_path(NAME) / "tokens"
    return KeyringStore(folder) if place == "keyring" else FileStore(folder)


def usable_place() -> Place:
    """The keyring where there is one that works, else a file."""
    store = store_at("keyring")
    return "keyring" if isinstance(store, KeyringStore) and store.works() else "file"


def client_of(profile: Profile, name: str) -> Client:
    """A client of the profile's service that keeps its tokens where the profile says."""
    return Client(
        profile.url,
        store=store_at(profile.store),
        profile=name,
        user_agent=f"vestibule-cli/{__version__}",
        allow_insecure_http=profile.allow_insecure_http,
    )


@contextmanager
def signed_in(name: str) -> Iterator[tuple[Profile, Session]]:
    """The profile and the session of a name; what goes wrong ends the command."""
    with told(name):
        profile = profiles().get(name)
        if profile is None:
            raise SignInNeeded("Nobody is signed in here")
        with client_of(profile, name) as client:
            yield profile, client.session()


def remember(name: str, profile: Profile, *, org: str | None) -> None:
    """Keep the profile with the organization that was entered."""
    profiles().put(name, replace(profile, org=org))


@contextmanager
def told(name: str) -> Iterator[None]:
    """Our exceptions as a sentence: 1 where it was refused, 2 where nobody could be asked."""
    try:
        yield
    except SignInNeeded as error:
        option = "" if name == "default" else f" --profile {name}"
        fail(f"{error}: run `vestibule login{option}`")
    except (ServiceUnavailable, InsecureAddress, StoreFailed) as error:
        fail(str(error), code=2)
    except VestibuleError as error:
        fail("\n".join([error.detail, *(f"{_field(i.loc)}: {i.msg}" for i in error.errors)]))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def ask_for(what: str) -> str:
    """A line from a prompt on standard error; where nobody is there to be asked, the end."""
    if not sys.stdin.isatty():
        fail(f"Say which {what.lower()} with --{what.lower()}", code=2)
    answer: str = typer.prompt(what, err=True)
    return answer


def ask_for_password() -> Secret:
    """The password from a prompt, or from the first line of standard input.

    Never from an argument: those stand in the shell's history and in the process list.
    """
    if not sys.stdin.isatty():
        return Secret(sys.stdin.readline().removesuffix("\n").removesuffix("\r"))
    return Secret(typer.prompt("Password", hide_input=True, err=True))


def _field(loc: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in loc if part != "body")
