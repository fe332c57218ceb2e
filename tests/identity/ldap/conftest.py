"""A real OpenLDAP server, and connectors to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.slapd import (
    GROUPS,
    MANAGER,
    MANAGERS_PASSWORD,
    PEOPLE,
    SPECIAL,
    SPECIAL_NAME,
    Slapd,
    group,
    group_dn,
    person,
    slapd,
    user_dn,
)
from tests.world import FakeClock
from vestibule.identity.ldap.configuration import LdapConfiguration
from vestibule.identity.ldap.connector import LdapConnector

MANY = 10_000
OLD = "pwdChangedTime: 20200101000000Z\npwdPolicySubentry: cn=expiring,dc=example,dc=org\n"

Connect = Callable[..., LdapConnector]


@pytest.fixture
def _before_services() -> None:
    """Connectors are real here."""


@pytest.fixture(scope="session")
def server() -> Iterator[Slapd]:
    everybody = [person(f"p{number}", password="secret") for number in range(MANY)]
    with slapd(
        person("alice"),
        person("gone"),
        person("ended", extra="shadowExpire: 1\n"),
        person("expired", extra=OLD),
        person("locked"),
        person("eve", dn=SPECIAL, extra=SPECIAL_NAME),
        person("twin", mail="both@example.org"),
        person("other", mail="both@example.org"),
        *everybody,
        group("engineers", user_dn("alice"), SPECIAL),
        group("staff", group_dn("engineers"), group_dn("everybody")),
        group("everybody", group_dn("staff")),
        group("strangers", user_dn("p1")),
        *(group(f"team{number}", user_dn("p2")) for number in range(1200)),
    ) as running:
        yield running


def configuration(server: Slapd, **fields: Any) -> LdapConfiguration:
    """How the server is reached, unless `fields` say otherwise."""
    return LdapConfiguration.model_validate(
        {
            "kind": "ldap",
            "urls": [server.url],
            "ca_certificates": server.authorities,
            "bind_dn": MANAGER,
            "bind_password": MANAGERS_PASSWORD,
            "user_base": PEOPLE,
            "group_base": GROUPS,
            **fields,
        }
    )


@pytest.fixture
def connect(server: Slapd, clock: FakeClock) -> Iterator[Connect]:
    made: list[LdapConnector] = []

    def connector(**fields: Any) -> LdapConnector:
        made.append(LdapConnector(configuration(server, **fields), clock=clock))
        return made[-1]

    yield connector
    for one in made:
        one._threads.shutdown(wait=False)
        one._close()
