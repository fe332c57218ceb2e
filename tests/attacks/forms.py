"""Every form of every page: where it stands, who would send it, and what it carries."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import httpx

from tests.attacks.house import CONSENT, House
from tests.identity.fakes import PASSWORD as THEIRS
from tests.oauth.flows import hidden
from tests.world import PASSWORD, log_in
from vestibule.clients.models import ClientKind
from vestibule.clock import utc
from vestibule.recovery import repository as links
from vestibule.recovery.models import Link, Purpose
from vestibule.sessions.models import SessionKind
from vestibule.users.models import User
from vestibule.wiring import Services

NEW = "a password that is new and long"


@dataclass(frozen=True)
class Form:
    """What a browser sends when a button of a page is pressed."""

    who: str
    address: str
    action: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    file: str = ""
    """What is in the file that goes with it."""
    page: str = ""
    """Where it stands, if not at its address."""
    taken: tuple[int, ...] = (200, 303)
    """How it is answered where it is ours."""

    def __str__(self) -> str:
        return f"{self.who} {self.address} {self.action}"

    async def token(self, house: House) -> str:
        """What the form carries that is on the page now."""
        page = (await house.page(f"{self.who} {self.page or self.address}")).text
        mark = 'class="who"' if self.action == "sign_out" else "<main"
        return hidden(page[page.index(mark) :], "form_token")

    async def send(
        self, house: House, token: str, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send it, with this token in it."""
        data = {"action": self.action, "form_token": token}
        for name, value in self.fields.items():
            data[name] = value if name == "configuration" else value.format(**house.ids)
        return await house.browsers[self.who].post(
            self.address.format(**house.ids),
            data=data,
            files={"file": ("people.csv", self.file, "text/csv")} if self.file else None,
            headers=headers,
        )


def room(who: str, address: str, *forms: Form, page: str = "") -> list[Form]:
    """The forms of a page inside, and those by which people come and go there."""
    signing_in = {"username": "bob", "password": PASSWORD}
    return [
        *forms,
        Form("anybody", address, "sign_in", signing_in),
        Form(who, address, "sign_out", page=page),
    ]


def configuration(key: str) -> str:
    """Of a directory, as it is typed."""
    connection = {"kind": "ldap", "urls": ["ldaps://127.0.0.1:9"], "user_base": "dc=x"}
    return json.dumps({"key": key, "name": key.title(), "connection": connection})


def own(address: str, action: str, **fields: str) -> Form:
    return Form("alice", address, action, fields)


def admins(address: str, action: str, **fields: str) -> Form:
    return Form("root", address, action, fields)


EXPORT = "/admin/audit/export"
PERSON, CLIENT, CORP = "/admin/users/{bob}", "/admin/clients/server", "/admin/directories/corp"
GRANT = {"name": "Portal", "scopes": "openid", "redirect_uris": "https://app.example.org/callback",
         "grant:authorization_code": "on"}  # fmt: skip
ACME = "/organizations/acme"
FORMS: dict[str, list[Form]] = {
    "/account": room("alice", "/account", own("/account", "names", first_name="Ada")),
    "/account/activity": room("alice", "/account/activity"),
    "/account/keys": room("alice", "/account/keys", own("/account/keys", "revoke", key="{key}")),
    "/account/keys/new": room(
        "alice", "/account/keys/new", own("/account/keys/new", "make", name="forged")
    ),
    "/account/programs": room(
        "alice", "/account/programs", own("/account/programs", "withdraw", client="portal")
    ),
    "/account/sessions": room(
        "alice", "/account/sessions",
        own("/account/sessions", "end", session="{session}"),
        own("/account/sessions", "end_others"),
    ),
    "/account/password": room(
        "alice", "/account/password",
        own("/account/password", "change", current_password=PASSWORD, new_password=NEW),
        own("/account/password", "change", current_password=NEW, new_password=PASSWORD),
    ),
    "/organizations/{org}": room("alice", ACME, own(ACME, "change", name="Forged")),
    "/organizations/{org}/members": room(
        "alice", f"{ACME}/members",
        own(f"{ACME}/members", "role", member="{bob}", role="admin"),
        own(f"{ACME}/members", "remove", member="{bob}"),
        own(f"{ACME}/members", "transfer", member="{eve}"),
    ),
    "/organizations/{org}/provisioning": room(
        "alice", f"{ACME}/provisioning",
        own(f"{ACME}/provisioning", "revoke", scim_token="{scim_token}"),
        own(f"{ACME}/provisioning", "map", group="{scim_group}", role="admin"),
    ),
    "/organizations/{org}/provisioning/new": room(
        "alice", f"{ACME}/provisioning/new",
        own(f"{ACME}/provisioning/new", "make", name="forged"),
    ),
    "/organizations/{org}/activity": room("alice", f"{ACME}/activity"),
    "/organizations/{org}/activity/export": room(
        "alice", f"{ACME}/activity/export", page="/account"
    ),
    "/organizations/{org}/invitations": room(
        "alice", f"{ACME}/invitations",
        own(f"{ACME}/invitations", "invite", email_address="mallory@example.org"),
        own(f"{ACME}/invitations", "withdraw", invitation="{invitation}"),
    ),
    "/account/organizations": room(
        "bob", "/account/organizations",
        Form("bob", "/account/organizations", "leave", {"org": "globex"}),
    ),
    "/admin": room("root", "/admin"),
    "/admin/users": room("root", "/admin/users"),
    "/admin/users/new": room(
        "root", "/admin/users/new", admins("/admin/users/new", "create", username="mallory")
    ),
    "/admin/users/import": room(
        "root", "/admin/users/import",
        Form("root", "/admin/users/import", file="username\nmallory2\n"),
    ),
    "/admin/users/import/{import_id}": room("root", "/admin/users/import/{job}"),
    "/admin/users/{user_id}": room(
        "root", PERSON,
        admins(PERSON, "end_session", session_id="{bob_session}"),
        admins(PERSON, "rename", first_name="Forged"), admins(PERSON, "vouch"),
        admins(PERSON, "mail_reset"), admins(PERSON, "make_admin"),
        admins(PERSON, "unmake_admin"), admins(PERSON, "disable"), admins(PERSON, "enable"),
        admins(PERSON, "password", password=NEW), admins(PERSON, "password", password=PASSWORD),
        admins(PERSON, "end_sessions"),
        admins("/admin/users/{eve}", "unlink", directory="corp"),
    ),
    "/admin/organizations": room(
        "root", "/admin/organizations",
        admins("/admin/organizations", "create", key="forged"),
        admins("/admin/organizations", "suspend", key="globex"),
        admins("/admin/organizations", "resume", key="globex"),
    ),
    "/admin/clients": room("root", "/admin/clients"),
    "/admin/clients/new": room(
        "root", "/admin/clients/new",
        admins("/admin/clients/new", "create", client_id="forged", kind="public", **GRANT),
    ),
    "/admin/clients/{client_id}": room(
        "root", CLIENT,
        admins(CLIENT, "save", **GRANT),
        admins(CLIENT, "rotate_secret"),
    ),
    "/admin/directories": room("root", "/admin/directories"),
    "/admin/directories/new": room(
        "root", "/admin/directories/new",
        admins("/admin/directories/new", "create", configuration=configuration("forged")),
    ),
    "/admin/directories/{directory}": room(
        "root", CORP,
        admins(CORP, "check"), admins(CORP, "sync"), admins(CORP, "demand", org="globex"),
        admins(CORP, "release", org="globex"),
        admins("/admin/directories/spare", "save", configuration=configuration("spare")),
        admins("/admin/directories/spare", "remove"),
    ),
    "/admin/keys": room(
        "root", "/admin/keys",
        admins("/admin/keys", "rotate"),
        admins("/admin/keys", "revoke", kid="{kid}", typed="{kid:.8}"),
    ),
    "/admin/audit": room("root", "/admin/audit"),
    EXPORT: room("root", EXPORT, page="/account"),
    "/login/device": room(
        "alice", "/login/device?code={code}",
        own("/login/device?code={code}", "approve"),
        own("/login/device?code={other_code}", "refuse"),
    ),
    "/oauth2/authorize": room(
        "alice", CONSENT, own(CONSENT, "refuse"), own(CONSENT, "approve"), page="/account",
    ),
    "/invitation": room(
        "root", "/invitation?token={token}",
        admins("/invitation?token={token}", "refuse"),
        admins("/invitation?token={token}", "approve"),
    ),
    "/forgotten": [Form("anybody", "/forgotten", fields={"username": "alice"})],
    "/reset": [Form("anybody", "/reset?token={link}", fields={"password": NEW})],
    "/verify": [Form("anybody", "/verify?token=x", taken=(404,))],
}  # fmt: skip
"""By the path of their route."""


async def furnish(house: House) -> None:
    """Lay out what the forms are about."""
    world, services, ids = house.world, house.services, house.ids
    bob = await services.users.named("bob")
    await world.org("globex", bob)
    await house.client("Portal")
    await house.let_in(scope="openid")
    await world.client("server", kind=ClientKind.CONFIDENTIAL)
    await house.directory(key="spare", domains=[])
    corp = await house.directory()
    corp.add("eve@corp.example", email_address="eve@corp.example")
    anybody = house.browsers["anybody"]
    assert (await log_in(anybody, "eve@corp.example", THEIRS)).status_code == 200
    for name in ("alice", "alice", "bob"):
        assert (await log_in(anybody, name)).status_code == 200
    await house.newcomer("eve", "eve@corp.example")
    for who, session in (("alice", "session"), ("bob", "bob_session")):
        live = await services.sessions.live_of(UUID(str(ids[who])))
        ids[session] = next(s.id for s in live if s.kind is SessionKind.TOKEN)
    await house.send("alice /account/keys/new", "make", name="backup")
    ids["key"] = hidden((await house.page("alice /account/keys")).text, "key")
    for who, named in (("carol", "spare"), ("root", "token")):
        made = await house.send(
            "alice /organizations/acme/invitations", "invite", email_address=f"{who}@example.org"
        )
        ids[named] = made.text.split("/invitation?token=")[1].split("<")[0]
    invitations = (await house.page("alice /organizations/acme/invitations")).text
    ids["invitation"] = hidden(invitations, "invitation")
    await house.provisioned("Staff")
    provisioning = (await house.page("alice /organizations/acme/provisioning")).text
    ids["scim_token"] = hidden(provisioning, "scim_token")
    ids["scim_group"] = hidden(provisioning, "group")
    for code in ("code", "other_code"):
        started = await anybody.post("/api/v1/auth/device/code", json={"client_id": "portal"})
        ids[code] = started.json()["user_code"]
    ids["link"] = await reset_link(services, await world.user("dave"))
    ids["kid"] = (await services.keys.list())[0].kid
    ids["job"] = await house.imported()


async def reset_link(services: Services, user: User) -> str:
    """The secret of a link by which this user sets a new password."""
    now, secret = utc(services.clock), f"the link of {user.username}".replace(" ", "-")
    assert user.password_hash is not None
    assert user.email_address is not None
    link = Link(
        digest=hashlib.sha256(secret.encode()).digest(),
        purpose=Purpose.RESET,
        user_id=user.id,
        email_address=user.email_address,
        password_digest=hashlib.sha256(user.password_hash.encode()).digest(),
        created_at=now,
        expires_at=now + timedelta(hours=1),
        used_at=None,
    )
    await services.database.write(lambda c: links.add(c, link))
    return secret
