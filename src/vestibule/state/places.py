"""Where Redis is: what a URL says, checked before anything is connected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

Kind = Literal["server", "sentinel", "cluster"]

SCHEMES: dict[str, tuple[Kind, bool]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "unix": ("server", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
"""By scheme: what stands there, and whether TLS is spoken to it (certificates are checked)."""

FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
OPTIONS = {*FILES, "sentinel_username", "sentinel_password"}
DEFAULT_PORT = 6379
SENTINEL_PORT = 26379


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One Redis, the Sentinels that know where it is, or some nodes of a Cluster."""

    kind: Kind
    hosts: tuple[tuple[str, int], ...]
    socket: str | None = None
    """The path of a Unix socket, in place of hosts."""
    service: str = ""
    """The name under which Sentinels know the primary."""
    db: int = 0
    username: str | None = None
    password: SecretStr | None = None
    sentinel_username: str | None = None
    sentinel_password: SecretStr | None = None
    """What the Sentinels themselves ask for, if anything."""
    tls: bool = False
    ssl_ca_certs: str | None = None
    """A file of certificates to trust in place of the system's."""
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    """Our own certificate, where Redis asks for one."""


def place_of(url: SecretStr) -> Place:
    """What the URL means. Raises `ValueError`, which never holds what the URL holds.

    `redis://`, `rediss://` (TLS) and `unix:///path?db=0`;
    `redis+sentinel://host:port,host:port/service/db` and `redis+cluster://host:port,host:port`,
    both with `rediss+` for TLS. `user:password@` before the hosts is for Redis itself; for the
    Sentinels there are `sentinel_username` and `sentinel_password` in the query, and for TLS the
    files `ssl_ca_certs`, `ssl_certfile` and `ssl_keyfile`.
    """
    try:
        parsed = urlsplit(url.get_secret_value())
        query = dict(parse_qsl(parsed.query, strict_parsing=bool(parsed.query)))
        kind, tls = SCHEMES[parsed.scheme]
    except (ValueError, KeyError):
        raise _wrong(f"the scheme must be one of {', '.join(SCHEMES)}") from None
    if unknown := set(query) - OPTIONS - ({"db"} if parsed.scheme == "unix" else set()):
        # Among redis-py's own are such that switch certificate checks off.
        raise _wrong(f"{len(unknown)} of its options are unknown") from None
    credentials, _, hosts = parsed.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    path = parsed.path.removeprefix("/").split("/") if kind != "server" else [parsed.path[1:]]
    service, db = (path[0], "/".join(path[1:])) if kind == "sentinel" else ("", "/".join(path))
    if parsed.scheme == "unix":
        db = query.get("db", "0")
    elif kind == "sentinel" and not service:
        raise _wrong("it must name the service: redis+sentinel://host:port/service")
    if not (db or "0").isdecimal() or (kind == "cluster" and int(db or 0)):
        raise _wrong("the database must be a number, and 0 in a Cluster")
    secret = query.get("sentinel_password")
    return Place(
        kind=kind,
        hosts=() if parsed.scheme == "unix" else _hosts(hosts, kind),
        socket=unquote(parsed.path) if parsed.scheme == "unix" else None,
        service=unquote(service),
        db=int(db or 0),
        username=unquote(username) or None,
        password=SecretStr(unquote(password)) if password else None,
        sentinel_username=query.get("sentinel_username"),
        sentinel_password=SecretStr(secret) if secret else None,
        tls=tls,
        **{name: query.get(name) for name in FILES},
    )


def _hosts(text: str, kind: Kind) -> tuple[tuple[str, int], ...]:
    default = SENTINEL_PORT if kind == "sentinel" else DEFAULT_PORT
    hosts = []
    for item in text.split(","):
        try:
            one = urlsplit(f"//{item}")
            host, port = one.hostname, one.port
        except ValueError:
            raise _wrong("a port must be a number up to 65535") from None
        if not host:
            raise _wrong("it must name a host")
        hosts.append((host, port or default))
    if kind == "server" and len(hosts) > 1:
        raise _wrong("several hosts are for redis+sentinel and redis+cluster")
    return tuple(hosts)


def _wrong(why: str) -> ValueError:
    return ValueError(f"VESTIBULE_REDIS_URL is not one that can be used: {why}")
