"""The clients that people use: curl, a browser's fetch, httpx, Authlib, requests-oauthlib."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from shutil import which
from typing import Any

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import LegacyApplicationClient
from playwright.sync_api import Page, sync_playwright
from requests_oauthlib import OAuth2Session

from tests.e2e.server import Server
from tests.world import LOGIN

CHROMIUM = which("chromium") or which("chromium-browser")


def credentials(server: Server) -> dict[str, str]:
    return {"username": server.first["username"], "password": server.first["password"]}


def assert_signed_in(body: dict[str, Any]) -> None:
    assert body["access_token"].count(".") == 2
    assert body["default_org"] == {"key": "main", "name": "Main"}
    assert body["orgs"] == [{"key": "main", "name": "Main"}]


def test_curl_with_the_samples_arguments(server: Server) -> None:
    own = credentials(server)

    done = subprocess.run(
        [
            "curl", "--silent", "--request", "POST", "--url", f"{server.url}{LOGIN}",
            "--header", "Content-Type: application/x-www-form-urlencoded",
            "--data", "client_id=", "--data", "client_secret=",
            "--data", "grant_type=password", "--data", f"password={own['password']}",
            "--data", "scope=", "--data", f"username={own['username']}",
        ],
        capture_output=True, check=True,
    )  # fmt: skip

    assert_signed_in(json.loads(done.stdout))


def test_httpx(server: Server) -> None:
    response = httpx.post(f"{server.url}{LOGIN}", data=credentials(server))

    assert response.status_code == 200
    assert_signed_in(response.json())


@pytest.fixture
def confidential(server: Server) -> tuple[str, str]:
    """A client id and its secret."""
    client_id = "backend"
    done = server.cli("client", "create", client_id, "--json", check=False)
    if done.returncode:
        done = server.cli("client", "rotate-secret", client_id, "--json")
    return client_id, json.loads(done.stdout)["client_secret"]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib(server: Server, confidential: tuple[str, str], method: str) -> None:
    client_id, secret = confidential

    with AuthlibSession(client_id, secret, token_endpoint_auth_method=method) as client:
        token = client.fetch_token(
            f"{server.url}{LOGIN}", grant_type="password", **credentials(server)
        )
        user = client.get(f"{server.url}/api/v1/user")

    assert_signed_in(token)
    assert user.json()["username"] == "admin"


@pytest.mark.parametrize("in_body", [True, False])
def test_requests_oauthlib(
    server: Server,
    confidential: tuple[str, str],
    in_body: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    client_id, secret = confidential
    own = credentials(server)
    with OAuth2Session(client=LegacyApplicationClient(client_id=client_id)) as session:
        token = session.fetch_token(
            f"{server.url}{LOGIN}",
            client_id=client_id,
            client_secret=secret,
            include_client_id=in_body,
            username=own["username"],
            password=own["password"],
        )
        user = session.get(f"{server.url}/api/v1/user")

    assert_signed_in(token)
    assert user.json()["username"] == "admin"


# A browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, page_port: int) -> Iterator[Page]:
    """A page of the origin that is let in, in a real browser."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text("<!doctype html><title>A page</title>")
    files = http.server.ThreadingHTTPServer(
        ("127.0.0.1", page_port), partial(_Quiet, directory=str(folder))
    )
    threading.Thread(target=files.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.goto(f"http://127.0.0.1:{page_port}/index.html")
        yield opened
        browser.close()
    files.shutdown()
    files.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


FETCH = """
async ([url, fields, headers]) => {
  const options = {
    method: 'POST',
    headers: {'Content-Type': 'application/x-www-form-urlencoded', ...headers},
    body: new URLSearchParams(fields),
  };
  try {
    const response = await fetch(url, options);
    return {
      status: response.status,
      body: await response.json(),
      requestId: response.headers.get('X-Request-ID'),
      retryAfter: response.headers.get('Retry-After'),
    };
  } catch (error) {
    return {failed: String(error)};
  }
}
"""


def test_fetch_from_an_allowed_origin(server: Server, page: Page) -> None:
    fields = {"grant_type": "password", "scope": "", **credentials(server)}

    answer = page.evaluate(FETCH, [f"{server.url}{LOGIN}", fields, {}])

    assert answer["status"] == 200
    assert_signed_in(answer["body"])
    assert answer["requestId"]


def test_fetch_with_a_preflight(server: Server, page: Page) -> None:
    headers = {"X-Client-Version": "1.0", "X-Request-ID": "from-the-page"}

    answer = page.evaluate(FETCH, [f"{server.url}{LOGIN}", credentials(server), headers])

    assert answer["status"] == 200
    assert answer["requestId"] == "from-the-page"


def test_fetch_reads_errors_too(server: Server, page: Page) -> None:
    fields = {"username": "nobody", "password": "wrong"}

    answer = page.evaluate(FETCH, [f"{server.url}{LOGIN}", fields, {}])

    assert answer["status"] == 401
    assert answer["body"] == {
        "code": 401, "detail": "Authentication failed", "type": "authentication_error",
    }  # fmt: skip


def test_fetch_from_another_origin_gets_nothing(
    server: Server, page: Page, page_port: int, tmp_path: Path
) -> None:
    page.goto(f"http://localhost:{page_port}/index.html")

    answer = page.evaluate(FETCH, [f"{server.url}{LOGIN}", credentials(server), {}])
    page.goto(f"http://127.0.0.1:{page_port}/index.html")

    assert "Failed to fetch" in answer["failed"]


def test_a_refused_preflight_is_in_the_envelope(server: Server) -> None:
    response = httpx.options(
        f"{server.url}{LOGIN}",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )

    assert response.status_code == 400
    assert response.json()["type"] == "invalid_error"
    assert "access-control-allow-origin" not in response.headers
