"""What the pages with samples take for granted, and what must be true once they have run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.docs import exports
from tests.e2e.server import Server

PASSWORD = "correct horse battery staple"


def nothing(server: Server, folder: Path) -> None:
    """A fresh service and an empty folder."""


def not_judged(server: Server, printed: str) -> None:
    """That it ran is enough."""


@dataclass(frozen=True)
class Surroundings:
    """Of one page."""

    prepare: Callable[[Server, Path], None] = nothing
    judge: Callable[[Server, str], None] = not_judged
    options: Mapping[str, str] = field(default_factory=dict)


def of(page: str) -> Surroundings:
    """By the page's path below the guides."""
    return PAGES.get(page, Surroundings())


def organizations(server: Server, folder: Path) -> None:
    """Two, which the administrator has made."""
    own = {"username": server.first["username"], "password": server.first["password"]}
    token = httpx.post(f"{server.url}/api/v1/auth/login", data=own).json()["access_token"]
    for key in ("acme", "other"):
        httpx.post(
            f"{server.url}/api/v1/org",
            json={"key": key, "name": key.title()},
            headers={"Authorization": f"Bearer {token}"},
        ).raise_for_status()


def alice(server: Server, folder: Path) -> None:
    """A person of both organizations."""
    organizations(server, folder)
    users = folder / "people.jsonl"
    users.write_text(
        json.dumps({"username": "alice", "password": PASSWORD, "organizations": ["acme", "other"]})
    )
    server.cli("user", "import", str(users))


def both_can_sign_in(server: Server, printed: str) -> None:
    """Alice and bob, by the passwords that they have had elsewhere."""
    for name, password in (("alice@example.org", exports.ALICE), ("bob", exports.BOB)):
        signs_in(server, name, password)


def signs_in(server: Server, name: str, password: str) -> None:
    """With this password, and with no other."""
    url = f"{server.url}/api/v1/auth/login"
    for given, status in ((password, 200), (password + "!", 401)):
        answer = httpx.post(url, data={"username": name, "password": given})
        assert answer.status_code == status, (name, answer.text)


def firebase_people(server: Server, printed: str) -> None:
    """Who has a password has it here; the other one is there without."""
    signs_in(server, "alice@example.org", "user1password")
    assert "carol@example.org" in server.cli("user", "list").stdout


def addresses_can_sign_in(server: Server, printed: str) -> None:
    """Where the address is the name."""
    signs_in(server, "alice@example.org", exports.ALICE)
    signs_in(server, "bob@example.org", exports.BOB)


def three_ask_again(server: Server, printed: str) -> None:
    """Three languages tell a wrong password; the shell has none to tell."""
    assert printed.count("Ask for the password again") == 3


def alice_comes_and_goes(server: Server, printed: str) -> None:
    """With a password and without, by the library and by the command."""
    for line in (
        "alice may enter ['acme', 'other']\nTrue 200\n",
        "Ask for the password again\n",
        f"alice in acme at {server.url}\n",
        "Signed out.\n",
    ):
        assert line in printed
    assert printed.count("Signed in as alice in acme.\n") == 2


PAGES = {
    "clients.md": Surroundings(prepare=alice, judge=three_ask_again),
    "scim.md": Surroundings(prepare=organizations),
    "sdk.md": Surroundings(
        prepare=alice, judge=alice_comes_and_goes, options={"device_interval": "1"}
    ),
    "migrate/auth0.md": Surroundings(prepare=exports.auth0, judge=both_can_sign_in),
    "migrate/django.md": Surroundings(prepare=exports.django, judge=both_can_sign_in),
    "migrate/fastapi-users.md": Surroundings(
        prepare=exports.fastapi_users, judge=addresses_can_sign_in
    ),
    "migrate/firebase.md": Surroundings(
        prepare=exports.firebase, judge=firebase_people, options=exports.FIREBASE
    ),
    "migrate/keycloak.md": Surroundings(prepare=exports.keycloak, judge=both_can_sign_in),
}
