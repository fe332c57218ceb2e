"""Where a sign-in leads, and whose it is: nowhere else, and nobody's from before."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import unquote, urljoin, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from tests.attacks.house import CONSENT, SCOPES
from tests.attacks.ways import arrive, leave
from tests.conftest import make_client
from tests.identity.oidc.provider import Provider
from tests.oauth.flows import CALLBACK, hidden, sign_in_page
from tests.world import World
from vestibule.clients.models import Grant
from vestibule.settings import Settings
from vestibule.tokens.vault import Vault
from vestibule.wiring import Services

pytestmark = pytest.mark.once

HERE = "http://127.0.0.1:8000"
EVIL = "//evil.example"
NEW = "a password that is new and long"
ADDRESSES = (
    EVIL, "https://evil.example", "https:evil.example", "\\\\evil.example", "/\\evil.example",
    "/\t/evil.example", "/\r\n/evil.example", "\t//evil.example", " //evil.example",
    "javascript:alert(1)", "data:text/html,x", "evil.example", "@evil.example", ".evil.example",
    "/\r\nSet-Cookie: vestibule=x", "/\u2028/evil.example", "/\uff0fevil.example",
)  # fmt: skip
ASKED = (EVIL, "https://evil.example", "%0d%0aX-Evil:1", "%5c%5cevil.example", "%23@evil.example")
PAGES = (
    "/account?next={}", "/account/keys/new?back={}", "/organizations/acme?then={}",
    "/organizations/%5C%5Cevil.example", "/organizations/@evil.example?{}",
    "/admin/users/javascript:alert(1)", "/admin/clients/%5c%5cevil.example?next={}",
    "/admin/audit?user={}", "/invitation?token={}", "/invitation?token=x&back={}",
    "/login/device?code={}", CONSENT + f"&next={EVIL}",
)  # fmt: skip


def leads_to(answer: httpx.Response) -> str:
    """Where a browser goes by this, which must be here (WHATWG URL, 4.4)."""
    assert answer.status_code == 303, answer.text
    location = answer.headers["location"]
    seen = re.sub(r"[\t\r\n]", "", location).strip().replace("\\", "/")
    assert urlsplit(urljoin(f"{HERE}/account", seen))[:2] == ("http", "127.0.0.1:8000"), location
    return str(location)


# Where it leads


@pytest.mark.parametrize("back", ADDRESSES)
async def test_who_chooses_a_language_stays_here(client: httpx.AsyncClient, back: str) -> None:
    answer = await client.post("/language", data={"language": "de", "back": back})

    assert leads_to(answer) == "/"
    assert answer.headers.get_list("set-cookie")[0].startswith("vestibule-language=de;")
    assert len(answer.headers.get_list("set-cookie")) == 1


async def test_no_page_offers_to_lead_elsewhere_after_a_language_is_chosen(
    client: httpx.AsyncClient,
) -> None:
    for path in (
        "/forgotten?back=https://evil.example",
        f"/invitation?token={EVIL}",
        "/account?x=\\\\",
    ):
        page = await client.get(path)
        back = hidden(page.text, "back")

        assert back.startswith(path.partition("?")[0])
        leads_to(await client.post("/language", data={"language": "de", "back": back}))


@pytest.mark.parametrize("asked", ASKED)
async def test_a_sign_in_and_a_sign_out_lead_back_to_their_page(
    client: httpx.AsyncClient, world: World, asked: str
) -> None:
    await world.user()
    await world.client("portal", grants=[Grant.AUTHORIZATION_CODE], redirect_uris=[CALLBACK],
                       scopes=SCOPES)  # fmt: skip

    for page in PAGES:
        url = page.replace("{}", asked)
        client.cookies.clear()
        signed = await sign_in_page(client, url)
        form = {"action": "sign_out"}
        form["form_token"] = hidden((await client.get("/account")).text, "form_token")
        out = await client.post(url, data=form)

        for answer in (signed, out):
            own = urlsplit(url).path
            assert unquote(urlsplit(leads_to(answer)).path) == unquote(own), url
            assert "x-evil" not in answer.headers


# The way to a directory and back


@pytest.mark.parametrize("asked", ASKED)
async def test_the_way_back_leads_to_the_page_that_it_began_on(
    over: Services, there: Provider, asked: str
) -> None:
    async with make_client(over) as client:
        sent = await leave(client, f"/account?next={asked}")

        arrived = await arrive(client, over, there, sent)

    assert leads_to(arrived).startswith("/account?next=")
    assert "x-evil" not in arrived.headers


@pytest.mark.parametrize("how", ["plain", "of another key", "of another purpose", "cut", "spliced"])
async def test_nobody_else_says_where_the_way_back_leads(
    over: Services, there: Provider, settings: Settings, how: str
) -> None:
    async with make_client(over) as client:
        sent = await leave(client, "/account")
        sealed = client.cookies["vestibule-directory"]
        assert settings.secret_key is not None
        forged = json.dumps({
            "directory": "corp", "state": sent["state"], "nonce": sent["nonce"], "verifier": "v",
            "back": "https://evil.example", "visit": client.cookies["vestibule-visit"],
            "until": over.clock.time() + 60,
        })  # fmt: skip
        another = Vault([SecretStr("another secret key, 32 characters or more")],
                        purpose="ways to directories")  # fmt: skip
        cookie = {
            "plain": base64.urlsafe_b64encode(forged.encode()).decode(),
            "of another key": another.seal(forged.encode()),
            "of another purpose": Vault([settings.secret_key]).seal(forged.encode()),
            "cut": sealed[:-8],
            "spliced": sealed[:20] + ("B" if sealed[20] == "A" else "A") + sealed[21:],
        }[how]
        visit = client.cookies["vestibule-visit"]
        client.cookies.clear()
        client.cookies.update({"vestibule-visit": visit, "vestibule-directory": cookie})

        answer = await arrive(client, over, there, sent)

    assert answer.status_code == 403
    assert not {"location", "set-cookie"} & set(answer.headers)
    assert back_of(settings, sealed) == "/account"


def back_of(settings: Settings, sealed: str) -> str:
    """What the service itself had sealed: that this is how one would forge it."""
    assert settings.secret_key is not None
    vault = Vault([settings.secret_key], purpose="ways to directories")
    back: str = json.loads(vault.open(sealed))["back"]
    return back
