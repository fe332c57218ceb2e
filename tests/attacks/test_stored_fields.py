"""What somebody has stored is shown to others as text, wherever it came from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote
from uuid import UUID

import pytest

from tests.attacks.house import CONSENT, House
from tests.attacks.reading import Reading
from tests.identity.fakes import PASSWORD as THEIRS
from tests.identity.oidc.provider import CLIENT_ID, provider
from tests.oauth.flows import AUTHORIZE
from tests.orgs.people import signed_in
from tests.pages.rooms import token_of
from tests.scim.conftest import Provider as ScimProvider
from tests.world import log_in
from vestibule.audit.models import Result
from vestibule.http.visit import Visit
from vestibule.issuing.trail import attempt_of

pytestmark = pytest.mark.once

HOSTILE = "\"'><svg/onload=alert(1)></title></textarea><script>alert(1)</script>{{7*7}}"
ADDRESS = "\u00b4'/onfocus=alert`1`/{{7*7}}'x='&quot@corp.example"
"""As hostile as an e-mail address may be."""
FILE = HOSTILE.replace('"', "") + ".csv"
"""Browsers send a quotation mark in the name of a file as `%22`."""

TEXT, ATTRIBUTE, BOTH = {"text"}, {"attribute"}, {"text", "attribute"}

Store = Callable[[House], Awaitable[None]]
Pages = dict[str, set[str]]


# How it comes to be stored


async def own_names(house: House) -> None:
    await house.send("alice /account", "names", first_name=HOSTILE, last_name=HOSTILE)


async def names_by_an_administrator(house: House) -> None:
    await house.send("root /admin/users/{bob}", "rename", first_name=HOSTILE)


async def username(house: House) -> None:
    await house.send("root /admin/users/new", "create", username=HOSTILE)
    await house.newcomer("eve", HOSTILE)


async def address(house: House) -> None:
    await house.send("root /admin/users/new", "create", username="eve", email_address=ADDRESS)
    await house.newcomer("eve", "eve")


async def ldap(house: House) -> None:
    mapped = [{"group": HOSTILE, "organization": "acme", "role": "member"}]
    corp = await house.directory(groups=mapped)
    corp.add(
        "eve@corp.example", subject=HOSTILE, first_name=HOSTILE, last_name=HOSTILE,
        email_address=ADDRESS, groups=frozenset({HOSTILE}),
    )  # fmt: skip
    answer = await log_in(house.browsers["anybody"], "eve@corp.example", THEIRS)
    assert answer.status_code == 200, answer.text
    house.ids["eve"] = (await house.services.users.named(ADDRESS)).id


async def oidc(house: House) -> None:
    async with provider() as there:
        standing = [{"organization": "acme", "role": "member"}]
        connection = {
            "kind": "oidc", "issuer": there.url, "client_id": CLIENT_ID, "password_grant": True,
        }  # fmt: skip
        await house.directory(connection=connection, organizations=standing)
        claims = there.claims(
            house.services.clock.time(), sub=HOSTILE, given_name=HOSTILE, family_name=HOSTILE,
            preferred_username=HOSTILE, email=ADDRESS, email_verified=True,
        )  # fmt: skip
        there.tells(there.sign(claims))
        answer = await log_in(house.browsers["anybody"], "eve@corp.example", THEIRS)
        assert answer.status_code == 200, answer.text
    house.ids["eve"] = (await house.services.users.named(HOSTILE)).id


async def scim(house: House) -> None:
    browser = house.browsers["anybody"]
    owner = await signed_in(browser, house.world, "alice")
    made = await browser.post("/api/v1/org/acme/scim/tokens", json={"name": "idp"}, headers=owner)
    provisions = ScimProvider(browser, made.json()["token"])
    person = await provisions.user("eve")
    change = {"op": "replace", "value": {"name": {"givenName": HOSTILE, "familyName": HOSTILE}}}
    answer = await provisions.patch(f"/Users/{person['id']}", change)
    assert answer.status_code == 200, answer.text
    house.ids["eve"] = (await house.services.users.named("eve")).id


async def user_agent(house: House) -> None:
    answer = await log_in(house.browsers["anybody"], "alice", headers={"User-Agent": HOSTILE})
    assert answer.status_code == 200


async def client_name(house: House) -> None:
    await house.client(HOSTILE)
    started = await house.browsers["anybody"].post(
        "/api/v1/auth/device/code", json={"client_id": "portal"}, headers={"User-Agent": "tool"}
    )
    house.ids["code"] = started.json()["user_code"]


async def client_let_in(house: House) -> None:
    await house.client(HOSTILE)
    await house.let_in()
    await log_in(house.browsers["anybody"], "alice", client_id="portal", scope="openid")


async def organization_name(house: House) -> None:
    await house.send("alice /organizations/acme", "change", name=HOSTILE)
    await house.client("Portal")
    await house.let_in()
    await house.send("alice /account/keys/new", "make", name="backup", org="acme")
    invited = await house.send(
        "alice /organizations/acme/invitations", "invite", email_address="root@example.org"
    )
    house.ids["token"] = invited.text.split("/invitation?token=")[1].split("<")[0]


async def organization_description(house: House) -> None:
    await house.send("alice /organizations/acme", "change", name="Acme", description=HOSTILE)


async def invited_address(house: House) -> None:
    shown = await house.send(
        "alice /organizations/acme/invitations", "invite", email_address=ADDRESS, role="member"
    )
    assert_shown_as_text(shown.text, ADDRESS, BOTH)


async def key_name(house: House) -> None:
    made = await house.send("alice /account/keys/new", "make", name=HOSTILE)
    assert_shown_as_text(made.text, HOSTILE, TEXT)


async def token_and_group_name(house: House) -> None:
    made = await house.provisioned(HOSTILE)
    assert_shown_as_text(made.text, HOSTILE, TEXT)


async def file_name(house: House) -> None:
    root = house.browsers["root"]
    token = token_of(await root.get("/admin/users/import"))
    answer = await root.post(
        "/admin/users/import", data={"form_token": token},
        files={"file": (FILE, f"username,{HOSTILE}\nx,y\n{HOSTILE},z\n".encode(), "text/csv")},
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    house.ids["job"] = answer.headers["location"].rpartition("/")[2]
    await house.services.imports.close()


async def refused_lines(house: House) -> None:
    lines = [{"line": 2, "reason": HOSTILE}]
    house.ids["job"] = await house.imported(refused=1, refusals=lines, failure=HOSTILE)


async def directory_name(house: House) -> None:
    await house.directory(name=HOSTILE)


async def directory_of_browsers(house: House) -> None:
    async with provider() as there:
        connection = {"kind": "oidc", "issuer": there.url, "client_id": CLIENT_ID}
        await house.directory(name=HOSTILE, connection=connection)
        sent = await house.send(
            "anybody /account", "sign_in", username="eve@corp.example", through="directory"
        )
    there_alone = sent.text.replace(f"{there.url}/", "/")
    assert_shown_as_text(there_alone, HOSTILE, TEXT)


async def audited(house: House) -> None:
    # No way is known by which one would come to be written: the page must not rely on that.
    attempt = attempt_of(Visit(HOSTILE[:45], "::", "https", "", "1"), HOSTILE[:32])
    attempt.user_id, attempt.client_id = UUID(str(house.ids["alice"])), HOSTILE
    audit = house.services.audit
    await audit.record(audit.event(attempt, result=Result.REFUSED, cause=HOSTILE[:32], status=400))


async def audited_target(house: House) -> None:
    await house.send("root /admin/users/new", "create", username=HOSTILE)
    await house.services.audit.flush()


PERSON: Pages = {
    "root /admin/users": TEXT,
    "root /admin/users/{eve}": BOTH,
    "alice /organizations/acme/members": BOTH,
    "bob /organizations/acme/members": TEXT,
}
STORED: list[tuple[Store, str, Pages]] = [
    (own_names, HOSTILE, {
        "alice /account": ATTRIBUTE, "root /admin/users": TEXT,
        "root /admin/users/{alice}": ATTRIBUTE, "bob /organizations/acme/members": TEXT,
        "alice /organizations/acme/members": BOTH,
    }),
    (names_by_an_administrator, HOSTILE, {
        "bob /account": ATTRIBUTE, "root /admin/users/{bob}": ATTRIBUTE,
        "alice /organizations/acme/members": BOTH,
    }),
    (username, HOSTILE, PERSON),
    (address, ADDRESS, {**PERSON, "root /admin/users/{eve}": TEXT,
                        "alice /organizations/acme/members": TEXT}),
    (ldap, HOSTILE, {**PERSON, "root /admin/directories/corp": TEXT}),
    (ldap, ADDRESS, {"root /admin/users": TEXT, "root /admin/users/{eve}": TEXT,
                     "alice /organizations/acme/members": TEXT}),
    (oidc, HOSTILE, PERSON),
    (oidc, ADDRESS, {"root /admin/users": TEXT, "root /admin/users/{eve}": TEXT}),
    (scim, HOSTILE, {**PERSON, "root /admin/users/{eve}": ATTRIBUTE}),
    (user_agent, HOSTILE, {"alice /account/sessions": BOTH, "root /admin/users/{alice}": TEXT}),
    (client_name, HOSTILE, {
        f"anybody {CONSENT}": TEXT, f"alice {CONSENT}": TEXT, "root /admin/clients": TEXT,
        "root /admin/clients/portal": BOTH, "alice /login/device?code={code}": TEXT,
    }),
    (client_let_in, HOSTILE, {
        "alice /account/programs": BOTH, "alice /account/activity": TEXT,
        "alice /account/sessions": BOTH,
    }),
    (organization_name, HOSTILE, {
        "alice /account/organizations": BOTH, "alice /account/programs": TEXT,
        "alice /account/activity": TEXT, "alice /account/keys": TEXT,
        "alice /account/keys/new": TEXT, "alice /organizations/acme": BOTH,
        "alice /organizations/acme/members": BOTH, "alice /organizations/acme/invitations": BOTH,
        "alice /organizations/acme/provisioning": BOTH,
        "alice /organizations/acme/provisioning/new": ATTRIBUTE,
        "bob /organizations/acme": BOTH, f"bob {CONSENT}": TEXT, "root /admin/organizations": BOTH,
        "root /admin/users/{alice}": TEXT, "root /invitation?token={token}": TEXT,
    }),
    (organization_description, HOSTILE, {
        "alice /organizations/acme": TEXT, "bob /organizations/acme": TEXT,
    }),
    (invited_address, ADDRESS, {"alice /organizations/acme/invitations": BOTH}),
    (key_name, HOSTILE, {"alice /account/keys": BOTH}),
    (token_and_group_name, HOSTILE, {"alice /organizations/acme/provisioning": BOTH}),
    (file_name, FILE, {"root /admin/users/import": TEXT, "root /admin/users/import/{job}": TEXT}),
    (refused_lines, HOSTILE, {"root /admin/users/import/{job}": TEXT}),
    (directory_name, HOSTILE, {
        "root /admin": TEXT, "root /admin/directories": TEXT, "root /admin/directories/corp": TEXT,
    }),
    (directory_of_browsers, HOSTILE, {"root /admin/directories/corp": TEXT}),
    (audited, HOSTILE, {"root /admin/audit": TEXT, "alice /account/activity": TEXT}),
    (audited_target, HOSTILE, {"root /admin/audit": TEXT}),
]  # fmt: skip


def assert_shown_as_text(page: str, text: str, places: set[str]) -> None:
    """See that this is shown there, and that no browser takes it for anything but text."""
    reading = Reading(page)
    assert reading.where(text) >= places, reading.where(text)
    assert reading.foreign == []
    assert text not in page


@pytest.mark.parametrize(
    ("store", "text", "pages"),
    STORED,
    ids=[f"{store.__name__}{'-address' * (text is ADDRESS)}" for store, text, _ in STORED],
)
async def test_what_is_stored_is_shown_as_text(
    inside: House, store: Store, text: str, pages: Pages
) -> None:
    await store(inside)

    for address, places in pages.items():
        page = await inside.page(address)
        assert page.status_code == 200, (address, page.text)
        assert_shown_as_text(page.text, text, places)


SAID = quote(HOSTILE)
REFLECTED: Pages = {
    f"root /admin/users?search={SAID}": ATTRIBUTE,
    f"root /admin/audit?client={SAID}&target={SAID}&cause={SAID}": ATTRIBUTE,
    f"alice /account?done={SAID}": set(),
    f"alice /account/sessions?after={SAID}": set(),
    f"alice /account/activity?before={SAID}": set(),
    f"alice /account/{SAID}": set(),
    f"alice /organizations/{SAID}": set(),
    f"anybody /login/directory/{SAID}/callback?code={SAID}&state={SAID}": set(),
    f"anybody /reset?token={SAID}": set(),
    f"alice {AUTHORIZE}?client_id={SAID}&redirect_uri={SAID}": set(),
}
"""Pages, and where they repeat what stood in their address."""


async def test_what_stood_in_the_address_is_shown_as_text(inside: House) -> None:
    for address, places in REFLECTED.items():
        who, _, path = address.partition(" ")
        page = await inside.browsers[who].get(path)

        if page.headers["content-type"].startswith("text/html"):
            assert_shown_as_text(page.text, HOSTILE, places)
        else:
            assert page.headers["content-type"] == "application/json"
