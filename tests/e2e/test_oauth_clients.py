"""Unmodified clients that others wrote run the whole life, from discovery to the end.

`openid-client` from npm, Authlib, and curl; the browser's part is done by a real Chromium.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
import warnings
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlencode

import pytest
import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from playwright.sync_api import Browser, Page
from starlette.requests import Request

from tests.conftest import DATABASES
from tests.e2e.browsing import TIMEOUT, chromium, sign_in
from tests.e2e.conftest import MakeServer
from tests.e2e.furnishing import furnished
from tests.e2e.server import Server
from tests.oauth.flows import bearer, hidden
from tests.ports import free_port
from tests.postgres import PostgresServer
from tests.world import World
from vestibule.clients.models import ClientKind, Grant

SCRIPTS = Path(__file__).parent / "openid_client"
EVERY_SCOPE = ["openid", "profile", "email", "offline_access", "api:read"]
SCOPE = "openid profile email offline_access"
T = TypeVar("T")


# What they stand on


@pytest.fixture(scope="module", params=["sqlite"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A service whose devices may ask every second, on SQLite unless a test asks for both."""
    options = {"device_interval": "1"}
    if request.param == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        # Playwright holds the loop of the thread that tests run in.
        with ThreadPoolExecutor(1) as pool:
            options["database_url"] = pool.submit(postgres.new_migrated).result()
    data = tmp_path_factory.mktemp("clients") / "data"
    with Server(data, options=options).running() as running:
        yield running


on_each_database = pytest.mark.parametrize("server", DATABASES, indirect=True, scope="module")
"""For whole lives: what else is here asks the database for nothing more."""


@dataclass(frozen=True)
class Registered:
    """The clients of these tests, and where the browser brings them their answers."""

    redirect_uri: str
    secret: str
    """Of the client `web`."""
    key: ECKey
    """Of the client `signed`."""

    def options(self, server: Server, method: str, *, dpop: bool = False) -> dict[str, Any]:
        """What a script of ours must be told to be the client of this method."""
        named = {"none": "native", "private_key_jwt": "signed"}
        return {
            "issuer": server.url,
            "client_id": "bound" if dpop else named.get(method, "web"),
            "method": method,
            "secret": self.secret,
            "jwk": self.key.as_dict(private=True),
            "redirect_uri": self.redirect_uri,
            "dpop": dpop,
        }


@pytest.fixture(scope="module")
def registered(server: Server) -> Registered:
    redirect_uri = f"http://127.0.0.1:{free_port()}/callback"
    key = ECKey.generate_key("P-256", auto_kid=True)
    grants = [Grant.AUTHORIZATION_CODE, Grant.REFRESH_TOKEN, Grant.DEVICE_CODE]
    person: dict[str, Any] = {"redirect_uris": [redirect_uri], "scopes": EVERY_SCOPE}
    itself = {"scopes": [*EVERY_SCOPE, "jobs:run"]}
    confidential, public = ClientKind.CONFIDENTIAL, ClientKind.PUBLIC

    async def make(world: World) -> str:
        own = [*grants, Grant.CLIENT_CREDENTIALS]
        _, secret = await world.client(
            "web", kind=confidential, grants=[*own, Grant.PASSWORD], **person | itself
        )
        await world.client(
            "signed", kind=confidential, grants=own, **person | itself,
            jwks={"keys": [key.as_dict(private=False)]},
        )  # fmt: skip
        await world.client("native", kind=public, grants=grants, **person)
        await world.client("bound", kind=public, grants=grants, dpop_bound=True, **person)
        return secret

    return Registered(redirect_uri, furnished(server, make), key)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that nobody has used yet."""
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT)
    yield context.new_page()
    context.close()


def let_in(page: Page, server: Server, url: str) -> None:
    """What a person does to go on to a client: sign in, and say yes."""
    page.goto(url)
    sign_in(page, server)
    page.get_by_role("button", name="Yes, let it in").click()


def approve(page: Page, server: Server, url: str) -> None:
    """What a person does to let a device in whose link they follow."""
    page.goto(url)
    sign_in(page, server)
    page.get_by_role("button", name="Yes, let it sign in").click()
    page.get_by_role("heading", name="The device is signed in").wait_for()


# openid-client


class Script:
    """One of the programs in `openid_client/`, which tell what they see line by line."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            ["timeout", "60", "node", SCRIPTS / name, json.dumps(options)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Script:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.communicate()

    def told(self, name: str) -> Any:
        """The value of the next event, which must be of this name."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(self._process.communicate()[1])
        return json.loads(line)[name]


@pytest.mark.parametrize(
    ("method", "dpop"),
    [
        ("client_secret_basic", False),
        ("client_secret_post", False),
        ("private_key_jwt", False),
        ("none", False),
        ("none", True),
    ],
)
def test_openid_client_lives_from_discovery_to_revocation(
    server: Server, registered: Registered, page: Page, method: str, dpop: bool
) -> None:
    options = registered.options(server, method, dpop=dpop)

    with Script("code.mjs", options) as script:
        let_in(page, server, script.told("open"))
        page.wait_for_url(f"{registered.redirect_uri}?**")
        done = script.told("done")

    assert page.title() == "Back at the client"
    assert done["claims"]["aud"] == options["client_id"]
    assert done["claims"]["preferred_username"] == server.first["username"]
    assert done["user"]["sub"] == done["claims"]["sub"]
    assert done["rotated"]
    assert done["type"] == ("dpop" if dpop else "bearer")
    if method != "none":
        assert done["alive"]["active"] is True
        assert done["alive"]["client_id"] == options["client_id"]
        assert done["dead"] == {"active": False}
    assert (done["refused"], done["replayed"]) == ("invalid_grant", "invalid_grant")


def test_openid_client_reads_a_signed_introspection(
    server: Server, registered: Registered, page: Page
) -> None:
    options = registered.options(server, "private_key_jwt")
    options["metadata"] = {"introspection_signed_response_alg": "ES256"}

    with Script("code.mjs", options) as script:
        let_in(page, server, script.told("open"))
        done = script.told("done")

    assert (done["alive"]["active"], done["dead"]) == (True, {"active": False})


@pytest.mark.parametrize(("method", "dpop"), [("client_secret_basic", False), ("none", True)])
def test_openid_client_signs_in_a_device(
    server: Server, registered: Registered, page: Page, method: str, dpop: bool
) -> None:
    with Script("device.mjs", registered.options(server, method, dpop=dpop)) as script:
        approve(page, server, script.told("open"))
        done = script.told("done")

    assert done["claims"]["preferred_username"] == server.first["username"]
    assert done["user"]["sub"] == done["claims"]["sub"]
    assert done["rotated"]


def test_openid_client_is_told_of_a_refused_device(
    server: Server, registered: Registered, page: Page
) -> None:
    options = {**registered.options(server, "none"), "refused": True}

    with Script("device.mjs", options) as script:
        page.goto(script.told("open"))
        sign_in(page, server)
        page.get_by_role("button", name="No, refuse it").click()
        done = script.told("done")

    assert done == {"refused": "access_denied"}


@pytest.mark.parametrize("method", ["client_secret_basic", "private_key_jwt"])
def test_openid_client_acts_for_itself(server: Server, registered: Registered, method: str) -> None:
    options = registered.options(server, method)

    with Script("service.mjs", options) as script:
        done = script.told("done")

    assert (done["alive"]["sub"], done["alive"]["scope"]) == (options["client_id"], "jobs:run")
    assert done["dead"] == {"active": False}


# Authlib


@dataclass
class Listener:
    """The client's own web server: keeps the address that the browser was sent to."""

    redirect_uri: str
    arrived: list[str] = field(default_factory=list)

    def __enter__(self) -> Listener:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listener.arrived.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        port = int(self.redirect_uri.split(":")[2].split("/")[0])
        self._server = HTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, page: Page) -> str:
        """The address, once the browser is there."""
        page.wait_for_url(f"{self.redirect_uri}?**")
        return page.url


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets Authlib speak to a service without TLS."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@on_each_database
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
def test_authlib_lives_from_discovery_to_revocation(
    server: Server, registered: Registered, page: Page, method: str, trusting: None
) -> None:
    told = AuthorizationServerMetadata(
        requests.get(get_well_known_url(server.url, external=True)).json()
    )
    told.validate()
    signed = method == "private_key_jwt"
    verifier, nonce = generate_token(48), generate_token(20)

    with OAuth2Session(
        "signed" if signed else "web",
        registered.key if signed else registered.secret,
        token_endpoint_auth_method=PrivateKeyJWT(alg="ES256") if signed else method,
        revocation_endpoint_auth_method=PrivateKeyJWT(alg="ES256") if signed else method,
        redirect_uri=registered.redirect_uri,
        scope=SCOPE,
        code_challenge_method="S256",
    ) as session:
        url, state = session.create_authorization_url(
            told["authorization_endpoint"], code_verifier=verifier, nonce=nonce, prompt="consent"
        )
        with Listener(registered.redirect_uri) as listener:
            let_in(page, server, url)
            answer = listener.answer(page)
        first = session.fetch_token(
            told["token_endpoint"],
            authorization_response=answer, state=state, code_verifier=verifier,
        )  # fmt: skip
        keys = KeySet.import_key_set(requests.get(told["jwks_uri"]).json())
        decoded = jwt.decode(first["id_token"], keys, algorithms=["ES256"])
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {"iss": {"values": [told["issuer"]]}},
            {"nonce": nonce, "client_id": session.client_id, "access_token": first["access_token"]},
        )
        claims.validate()
        user = session.get(told["userinfo_endpoint"]).json()
        second = session.refresh_token(told["token_endpoint"], first["refresh_token"])
        alive = session.introspect_token(
            told["introspection_endpoint"], token=second["access_token"]
        ).json()
        session.revoke_token(told["revocation_endpoint"], token=second["refresh_token"])
        dead = session.introspect_token(
            told["introspection_endpoint"], token=second["access_token"]
        ).json()

    assert claims["preferred_username"] == server.first["username"]
    assert alive["active"] is True, alive
    assert user["sub"] == claims["sub"] == alive["sub"]
    assert second["refresh_token"] != first["refresh_token"]
    assert (alive["active"], dead) == (True, {"active": False})


def test_authlib_misses_nothing_in_the_provider_metadata_of_an_rs256_service(
    make_server: MakeServer, trusting: None
) -> None:
    # OpenID Connect Discovery §3 wants RS256; the default is ES256, which verifies faster.
    server = make_server(signing_algorithm="RS256")

    told = requests.get(get_well_known_url(server.url, external=True)).json()

    OpenIDProviderMetadata(told).validate()


def test_authlib_in_a_web_framework_needs_but_the_discovery_document(
    server: Server, registered: Registered, page: Page
) -> None:
    with warnings.catch_warnings(action="ignore"):  # of what Authlib itself stands on
        from authlib.integrations.starlette_client import OAuth

    oauth = OAuth()
    client = oauth.register(
        "vestibule",
        client_id="web",
        client_secret=registered.secret,
        server_metadata_url=f"{server.url}/.well-known/openid-configuration",
        client_kwargs={"scope": SCOPE, "code_challenge_method": "S256"},
    )
    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": "/callback", "headers": [], "session": {},
    }  # fmt: skip
    away = apart(
        client.authorize_redirect(Request(scope), registered.redirect_uri, prompt="consent")
    )

    with Listener(registered.redirect_uri) as listener:
        let_in(page, server, away.headers["location"])
        query = listener.answer(page).partition("?")[2]
    token = apart(client.authorize_access_token(Request({**scope, "query_string": query.encode()})))
    user = apart(client.userinfo(token=token))

    assert token["userinfo"]["preferred_username"] == server.first["username"]
    assert user["sub"] == token["userinfo"]["sub"]


def apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it in a thread: the browser's library has a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


# curl


def curl(*arguments: str) -> str:
    """What the command prints."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "15", *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def curl_form(url: str, *arguments: str, **fields: str) -> Any:
    """The JSON that a form is answered with."""
    data = [word for field in fields.items() for word in ("--data-urlencode", "=".join(field))]
    return json.loads(curl(*arguments, *data, url))


@on_each_database
def test_curl_lives_from_discovery_to_revocation(server: Server, registered: Registered) -> None:
    told = json.loads(curl(f"{server.url}/.well-known/openid-configuration"))
    own = ["--user", f"web:{registered.secret}"]

    first = curl_form(
        told["token_endpoint"], *own, grant_type="password", scope=SCOPE,
        username=server.first["username"], password=server.first["password"],
    )  # fmt: skip
    user = json.loads(curl("--oauth2-bearer", first["access_token"], told["userinfo_endpoint"]))
    second = curl_form(
        told["token_endpoint"], *own,
        grant_type="refresh_token", refresh_token=first["refresh_token"],
    )  # fmt: skip
    alive = curl_form(told["introspection_endpoint"], *own, token=second["access_token"])
    revoked = curl(
        *own, "--data", urlencode({"token": second["refresh_token"]}),
        "--output", "/dev/null", "--write-out", "%{http_code}", told["revocation_endpoint"],
    )  # fmt: skip
    dead = curl_form(told["introspection_endpoint"], *own, token=second["access_token"])

    assert user["sub"] == alive["sub"]
    assert second["refresh_token"] != first["refresh_token"]
    assert (alive["active"], revoked, dead) == (True, "200", {"active": False})


def test_curl_signs_in_a_device_and_approves_it_too(
    server: Server, registered: Registered, tmp_path: Path
) -> None:
    told = json.loads(curl(f"{server.url}/.well-known/oauth-authorization-server"))
    grant = {"grant_type": Grant.DEVICE_CODE, "client_id": "native"}
    jar = ["--cookie", str(tmp_path / "jar"), "--cookie-jar", str(tmp_path / "jar")]
    started = curl_form(told["device_authorization_endpoint"], client_id="native", scope=SCOPE)
    url, code = started["verification_uri_complete"], started["device_code"]

    waiting = curl_form(told["token_endpoint"], **grant, device_code=code)
    own = {"username": server.first["username"], "password": server.first["password"]}
    form = {"action": "sign_in", "form_token": hidden(curl(*jar, url), "form_token"), **own}
    asked = curl(*jar, "--location", "--data", urlencode(form), url)
    form = {"action": "approve", "form_token": hidden(asked, "form_token")}
    done = curl(*jar, "--data", urlencode(form), url)
    tokens = curl_form(told["token_endpoint"], **grant, device_code=code)
    user = json.loads(
        curl("--header", f"Authorization: {bearer(tokens['access_token'])['Authorization']}",
             told["userinfo_endpoint"])
    )  # fmt: skip

    assert waiting["error"] == "authorization_pending"
    assert "The device is signed in" in done
    assert user["preferred_username"] == server.first["username"]
