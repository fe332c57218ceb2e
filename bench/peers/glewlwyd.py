"""glewlwyd, from Debian's packages: one process of many threads, on SQLite."""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from joserfc.jwk import ECKey
from tests.ports import free_port

from bench.load import post
from bench.peers import environment
from bench.peers.peer import PASSWORD, USERS, Command, Prepared, UnavailableError, request
from bench.peers.processes import SITES, await_status, python_of_ours, started

PACKAGES = ["glewlwyd", "libnettle8"]
SCOPE = "login"
ADMINISTRATOR = {"username": "admin", "password": "password"}
"""As the package's own database has it; this one lives as long as the measurement."""


class Glewlwyd:
    """Its OpenID Connect plugin with the password grant, tokens signed with ES256."""

    name = "glewlwyd"
    hashing = "PBKDF2-SHA256, 150,000 rounds"
    own_default = True
    deployment = "one process, SQLite"
    login_status = 200
    health = request("GET", "/config")

    def login(self, number: int) -> bytes:
        form = {"grant_type": "password", "scope": SCOPE, "password": PASSWORD}
        return post("/api/oidc/token", {**form, "username": f"user{number}"})

    def install(self) -> list[str]:
        self._root()
        return environment.debian_versions("glewlwyd", PACKAGES)

    def _root(self) -> Path:
        return environment.debian("glewlwyd", PACKAGES)

    @contextmanager
    def prepared(self, folder: Path) -> Iterator[Prepared]:
        root, port = self._root(), free_port()
        libraries = environment.library_path(root)
        database = folder / "glewlwyd.db"
        documents = root / "usr/share/doc/glewlwyd"
        with sqlite3.connect(database) as connection:
            schema = (documents / "database/init.sqlite3.sql.gz").read_bytes()
            connection.executescript(gzip.decompress(schema).decode())
        connection.close()
        settings = folder / "glewlwyd.conf"
        sample = gzip.decompress((documents / "glewlwyd.conf.sample.gz").read_bytes()).decode()
        settings.write_text(configuration(sample, root=root, port=port, database=database))
        serve = Command([str(root / "usr/bin/glewlwyd"), f"--config-file={settings}"], libraries)
        with started(serve, folder / "setup.log") as process:
            await_status(process, port, self.health, 200)
            _configure(port)
        with sqlite3.connect(database) as connection:
            _multiply(connection, USERS)
        # In its favour: fewer flushes for each commit, and readers do not wait for writers.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
        yield Prepared(
            serve=serve,
            port=port,
            verify=Command(
                [python_of_ours(), "nettle_hash"], {**libraries, "PYTHONPATH": str(SITES)}
            ),
        )


def configuration(sample: str, *, root: Path, port: int, database: Path) -> str:
    """The package's sample with its places and its port changed; the log is kept short.

    It listens on loopback alone: the administrator's password is that of the package.
    """
    changed = sample.replace("/var/cache/glewlwyd/glewlwyd.db", str(database))
    changed = changed.replace("/usr/lib/glewlwyd", str(root / "usr/lib/glewlwyd"))
    changed = changed.replace("/usr/share/glewlwyd", str(root / "usr/share/glewlwyd"))
    for name, value in {
        "port": str(port),
        "bind_address": '"127.0.0.1"',
        "external_url": f'"http://127.0.0.1:{port}"',
        "cookie_secure": "0",
        "log_level": '"WARNING"',
    }.items():
        changed = re.sub(rf"^#?{name}=.*$", f"{name}={value}", changed, flags=re.MULTILINE)
    return changed


def _configure(port: int) -> None:
    """The plugin, a scope and the first user, by the administrator's routes."""
    key = ECKey.generate_key("P-256", {"kid": "1", "alg": "ES256", "use": "sig"})
    parameters = {
        "iss": f"http://127.0.0.1:{port}/api/oidc",
        "jwks-private": json.dumps({"keys": [key.as_dict(private=True)]}),
        "jwt-type": "ecdsa",
        "jwt-key-size": "256",
        "access-token-duration": 3600,
        "refresh-token-duration": 1_209_600,
        "code-duration": 600,
        "refresh-token-rolling": True,
        "allow-non-oidc": True,
        "subject-type": "public",
        **{
            f"auth-type-{kind}-enabled": kind in ("password", "refresh")
            for kind in ("code", "token", "id-token", "none", "password", "client", "device")
        },
        "auth-type-refresh-enabled": True,
    }
    names = {"display_name": SCOPE, "description": "what the measured logins ask for"}
    user = {"username": "user0", "name": "user0", "email": "", "enabled": True}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=30) as client:
        signed_in = client.post("/auth/", json=ADMINISTRATOR)
        cookie = signed_in.headers.get("set-cookie", "").partition(";")[0]
        for path, body in {
            "/mod/plugin/": {
                "module": "oidc",
                "name": "oidc",
                "display_name": "oidc",
                "parameters": parameters,
            },
            "/scope/": {
                "name": SCOPE,
                **names,
                "password_required": True,
                "password_max_age": 0,
                "scheme": {},
            },
            "/user/": {**user, "password": PASSWORD, "scope": [SCOPE]},
        }.items():
            answer = client.post(path, json=body, headers={"Cookie": cookie})
            if answer.status_code != 200:
                raise UnavailableError(f"{path} was answered {answer.status_code}: {answer.text}")


def _multiply(connection: sqlite3.Connection, count: int) -> None:
    """More users with the password and the scope of the first: hashing each would take long."""
    (first,) = connection.execute("SELECT gu_id FROM g_user WHERE gu_username = 'user0'").fetchone()
    for number in range(1, count):
        added = connection.execute(
            "INSERT INTO g_user (gu_username, gu_enabled) VALUES (?, 1)", (f"user{number}",)
        ).lastrowid
        connection.execute(
            "INSERT INTO g_user_password (gu_id, guw_password)"
            " SELECT ?, guw_password FROM g_user_password WHERE gu_id = ?",
            (added, first),
        )
        connection.execute(
            "INSERT INTO g_user_scope_user (gu_id, gus_id)"
            " SELECT ?, gus_id FROM g_user_scope_user WHERE gu_id = ?",
            (added, first),
        )
