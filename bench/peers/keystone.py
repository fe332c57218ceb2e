"""OpenStack Keystone: Fernet tokens, MariaDB and memcached, under uWSGI."""

from __future__ import annotations

import getpass
import grp
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.ports import free_port

from bench.peers import environment, mariadb
from bench.peers.peer import PASSWORD, USERS, Command, Prepared, request
from bench.peers.processes import SITES, run, started

REQUIREMENTS = [
    "keystone==30.0.0",
    "pyuwsgi==2.0.30.post1",
    "pymysql==1.2.4",
    "python-memcached==1.62",
]
PROCESSES = 4
"""As its own sample for uWSGI has them."""
MEMCACHED = ["memcached"]


class Keystone:
    """Installed as its installation guide says; a login is an unscoped token of a user."""

    name = "Keystone"
    hashing = "bcrypt, cost 12"
    own_default = True
    deployment = f"uWSGI, {PROCESSES} processes, MariaDB, memcached"
    login_status = 201
    health = request("GET", "/healthcheck")

    def login(self, number: int) -> bytes:
        user = {"name": f"user{number}", "domain": {"id": "default"}, "password": PASSWORD}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = json.dumps({"auth": {"identity": identity}}).encode()
        return request("POST", "/v3/auth/tokens", body=body)

    def install(self) -> list[str]:
        versions = environment.versions(self._python(), ["keystone", "bcrypt", "pyuwsgi"])
        environment.debian("memcached", MEMCACHED)
        return [
            *versions,
            *mariadb.install(),
            *environment.debian_versions("memcached", MEMCACHED),
        ]

    def _python(self) -> Path:
        return environment.virtual_environment("keystone", REQUIREMENTS)

    @contextmanager
    def prepared(self, folder: Path) -> Iterator[Prepared]:
        python, port, cache_port = self._python(), free_port(), free_port()
        memcached = environment.debian("memcached", MEMCACHED) / "usr/bin/memcached"
        cache = [str(memcached), "-l", f"127.0.0.1:{cache_port}", "-u", getpass.getuser()]
        with ExitStack() as stack:
            socket, database = stack.enter_context(mariadb.running(folder))
            cache_process = stack.enter_context(started(Command(cache), folder / "cache.log"))
            url = f"mysql+pymysql://root@localhost/keystone?unix_socket={socket}"
            settings = folder / "keystone.conf"
            settings.write_text(configuration(url, folder=folder, cache_port=cache_port))
            variables = {
                "PYTHONPATH": str(SITES),
                "PYTHONWARNINGS": "ignore",
                "OS_KEYSTONE_CONFIG_FILES": str(settings),
            }
            _install(python, url, settings, variables)
            serve = [str(python.parent / "uwsgi"), "--http-socket", f"127.0.0.1:{port}"]
            serve += ["--module", "keystone.wsgi.api:application", "--master", "--lazy-apps"]
            serve += ["--processes", str(PROCESSES), "--enable-threads", "--thunder-lock"]
            serve += ["--die-on-term", "--buffer-size", "65535", "--disable-logging"]
            serve += ["--venv", str(python.parent.parent)]
            yield Prepared(
                serve=Command(serve, variables),
                port=port,
                verify=Command([str(python), "keystone_hash"], variables),
                helpers=[database, cache_process.pid],
            )


def configuration(url: str, *, folder: Path, cache_port: int) -> str:
    """What the guides have one set: the database, Fernet tokens, the cache, and the places."""
    return f"""[DEFAULT]
log_file = {folder}/keystone.log
[database]
connection = {url}
[token]
provider = fernet
[fernet_tokens]
key_repository = {folder}/fernet-keys
[credential]
key_repository = {folder}/credential-keys
[cache]
enabled = true
backend = dogpile.cache.memcached
memcache_servers = 127.0.0.1:{cache_port}
"""


def _install(python: Path, url: str, settings: Path, variables: dict[str, str]) -> None:
    """The database, the keys, the first user and its copies."""
    create = (
        "import sqlalchemy as s, sys; e = s.create_engine(sys.argv[1]); "
        "e.connect().execute(s.text('CREATE DATABASE keystone'))"
    )
    run(Command([str(python), "-c", create, url.replace("/keystone?", "/?")]))
    manage = [str(python.parent / "keystone-manage"), "--config-file", str(settings)]
    owner = ["--keystone-user", getpass.getuser()]
    owner += ["--keystone-group", grp.getgrgid(os.getgid()).gr_name]
    for arguments in (
        ["db_sync"],
        ["fernet_setup", *owner],
        ["credential_setup", *owner],
        ["bootstrap", "--bootstrap-username", "user0", "--bootstrap-password", PASSWORD],
    ):
        run(Command([*manage, *arguments], variables))
    run(Command([str(python), str(SITES / "keystone_seed.py"), url, str(USERS)], variables))
