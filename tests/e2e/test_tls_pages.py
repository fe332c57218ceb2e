"""The pages behind TLS, in a real browser: HAProxy ends it in front of the service."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.certificates import certify
from tests.e2e.browsing import heading, press, sign_in, visiting, watched
from tests.e2e.server import Server
from tests.ports import free_port

HAPROXY = "/usr/sbin/haproxy"
CONFIGURATION = """\
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
frontend tls
    bind 127.0.0.1:{port} ssl crt {certificate}
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto https
    default_backend service
backend service
    server only 127.0.0.1:{behind}
"""


@contextmanager
def tls(folder: Path, *, port: int, behind: int) -> Iterator[None]:
    """TLS on one port of this machine for what listens on another."""
    certificate, process_id = folder / "both.pem", folder / "haproxy.pid"
    certificate.write_text("".join(file.read_text() for file in certify(folder)))
    certificate.chmod(0o600)
    file = folder / "haproxy.cfg"
    file.write_text(CONFIGURATION.format(port=port, certificate=certificate, behind=behind))
    # With -D it returns once it listens.
    subprocess.run([HAPROXY, "-D", "-f", str(file), "-p", str(process_id)], check=True)
    try:
        yield
    finally:
        for line in process_id.read_text().split():
            os.kill(int(line), signal.SIGKILL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tls")
    port = free_port()
    made = Server(
        folder / "data",
        options={
            "issuer": f"https://127.0.0.1:{port}",
            "trusted_proxies": "127.0.0.1/32",
            "require_tls": "always",
        },
    )
    try:
        made.start()
        with tls(folder, port=port, behind=made.port):
            yield made
    finally:
        made.stop(signal.SIGKILL)


def test_cookies_are_of_this_host_and_of_tls_alone(browser: Browser, server: Server) -> None:
    url = f"{server.options['issuer']}/account"
    with visiting(browser, ignore_https_errors=True) as context, watched(context) as page:
        page.goto(url)
        sign_in(page, server)
        heading(page, "Profile")
        readable = page.evaluate("document.cookie")
        cookies = {cookie["name"]: cookie for cookie in context.cookies()}
        press(page, "Sign out")
        heading(page, "Sign in")
        left = {cookie["name"] for cookie in context.cookies()}

    assert cookies.keys() == {"__Host-vestibule", "__Host-vestibule-visit"}
    for cookie in cookies.values():
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
        # One with a `Domain` would begin with a dot.
        assert (cookie["path"], cookie["domain"]) == ("/", "127.0.0.1")
    assert readable == ""
    assert left == {"__Host-vestibule-visit"}


def test_without_tls_nobody_can_sign_in(browser: Browser, server: Server) -> None:
    with visiting(browser) as context, watched(context, "/account") as page:
        answer = page.goto(f"{server.url}/account")
        heading(page, "Upgrade required")
        cookies = context.cookies()

    assert answer is not None
    assert answer.status == 426
    assert cookies == []
