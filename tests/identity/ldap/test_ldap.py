"""Sign-ins by a real OpenLDAP server."""

from __future__ import annotations

import asyncio
import json

import ldap
import pytest
from pydantic import SecretStr

from tests.conftest import make_client
from tests.identity.fakes import directory
from tests.identity.ldap.conftest import MANY, Connect, configuration
from tests.orgs.people import roles
from tests.ports import free_port
from tests.slapd import MANAGERS_PASSWORD, PASSWORD, PEOPLE, Slapd, group_dn, person, slapd, user_dn
from tests.world import FakeClock, World, log_in
from vestibule.errors import BadGateway
from vestibule.identity.ldap.binding import bind
from vestibule.identity.ldap.servers import Deadline
from vestibule.settings import Settings
from vestibule.wiring import wire

RIGHT, WRONG = SecretStr(PASSWORD), SecretStr("wrong")


async def test_the_right_password_brings_the_person(connect: Connect) -> None:
    profile = await connect().authenticate("alice", RIGHT)

    assert profile is not None
    assert len(profile.subject) == 36  # entryUUID
    assert (profile.username, profile.email_address) == ("alice", "alice@example.org")
    assert (profile.first_name, profile.last_name) == ("Alice", "Example")
    assert profile.email_verified
    assert profile.is_active
    assert profile.groups == {"engineers", "staff", "everybody"}  # nested, and in a circle


@pytest.mark.parametrize("name", ["alice", "nobody", "alice@example.org", "both@example.org"])
async def test_a_wrong_password_and_nobody_are_alike(connect: Connect, name: str) -> None:
    assert await connect().authenticate(name, WRONG) is None


async def test_two_of_one_name_are_nobody(connect: Connect) -> None:
    assert await connect().authenticate("both@example.org", RIGHT) is None


async def test_addresses_are_names_as_well(connect: Connect) -> None:
    assert await connect().authenticate("alice@example.org", RIGHT) is not None


@pytest.mark.parametrize("name", ["ended", "expired"])
async def test_who_may_not_sign_in_there_is_told_so_to_the_right_password_only(
    connect: Connect, name: str
) -> None:
    connector = connect()

    profile = await connector.authenticate(name, RIGHT)

    assert profile is not None
    assert not profile.is_active
    assert await connector.authenticate(name, WRONG) is None


async def test_the_directorys_own_lock_holds(connect: Connect) -> None:
    connector = connect()
    assert await connector.authenticate("locked", RIGHT) is not None

    for _ in range(3):
        assert await connector.authenticate("locked", WRONG) is None

    assert await connector.authenticate("locked", RIGHT) is None


async def test_a_name_of_special_characters_signs_in(connect: Connect) -> None:
    profile = await connect().authenticate("eve", RIGHT)

    assert profile is not None
    assert "engineers" in profile.groups


@pytest.mark.parametrize(
    "name",
    [
        "*", "alic*", "alice)(uid=*", "*)(|(uid=*", "alice)(!(uid=nobody))", "\\61lice",
        "alice\x00", "(alice)", "", "a" * 400,
    ],
)  # fmt: skip
async def test_a_name_is_never_part_of_the_filter(connect: Connect, name: str) -> None:
    assert await connect().authenticate(name, RIGHT) is None


async def test_without_a_password_nobody_is_asked(connect: Connect, server: Slapd) -> None:
    assert await connect().authenticate("alice", SecretStr("")) is None
    with pytest.raises(ValueError, match="a bind needs"):
        bind(ldap.initialize(server.plain_url), user_dn("alice"), SecretStr(""), Deadline(1))


async def test_groups_come_by_the_page(connect: Connect) -> None:
    profile = await connect(page_size=100).authenticate("p2", SecretStr("secret"))

    # More than the server gives at once.
    assert profile is not None
    assert len(profile.groups) == 1200


async def test_nested_groups_can_be_left_out_and_groups_named_whole(connect: Connect) -> None:
    profile = await connect(nested_groups=False, group_attribute="dn").authenticate("alice", RIGHT)

    assert profile is not None
    assert profile.groups == {group_dn("engineers")}


async def test_ten_thousand_people_are_looked_up(connect: Connect) -> None:
    connector = connect(group_base=None)
    last = await connector.authenticate(f"p{MANY - 1}", SecretStr("secret"))
    first = await connector.authenticate("p0", SecretStr("secret"))
    assert first is not None
    assert last is not None

    found = await connector.look_up([first.subject, last.subject, "no uuid", "*"])

    assert set(found) == {first.subject, last.subject}
    assert found[first.subject].username == "p0"


async def test_many_at_once_are_answered(connect: Connect) -> None:
    connector = connect(pool_size=4)

    found = await asyncio.gather(
        *(connector.authenticate(f"p{n}", SecretStr("secret" if n % 2 else "x")) for n in range(60))
    )

    assert [profile.username if profile else None for profile in found] == [
        f"p{n}" if n % 2 else None for n in range(60)
    ]


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"bind_password": "wrong"}, "directory_credentials"),
        ({"user_base": "ou=nowhere,dc=example,dc=org"}, "directory_refused"),
        ({"ca_certificates": None}, "directory_unreachable"),
    ],
)
async def test_what_is_configured_wrong_shows_when_it_is_tried(
    connect: Connect, fields: dict[str, object], cause: str
) -> None:
    with pytest.raises(BadGateway) as caught:
        await connect(**fields).check()

    assert caught.value.cause == cause


async def test_start_tls_is_demanded_of_plain_ldap(connect: Connect, server: Slapd) -> None:
    encrypted = connect(urls=[server.plain_url])
    distrusted = connect(urls=[server.plain_url], ca_certificates=None)

    assert await encrypted.authenticate("alice", RIGHT) is not None
    with pytest.raises(BadGateway):
        await distrusted.authenticate("alice", RIGHT)


async def test_a_server_that_is_away_is_passed_over(connect: Connect, server: Slapd) -> None:
    connector = connect(urls=[f"ldaps://127.0.0.1:{free_port()}", server.url])

    assert await connector.authenticate("alice", RIGHT) is not None
    assert await connector.authenticate("alice", RIGHT) is not None


async def test_connections_are_made_anew_after_a_restart(clock: FakeClock) -> None:
    from vestibule.identity.ldap.connector import LdapConnector

    with slapd(person("alice")) as server:
        connector = LdapConnector(configuration(server), clock=clock)
        try:
            assert await connector.authenticate("alice", RIGHT) is not None
            server.stop()
            with pytest.raises(BadGateway):
                await connector.authenticate("alice", RIGHT)
            server.start()
            assert await connector.authenticate("alice", RIGHT) is not None
        finally:
            await connector.close()


async def test_a_login_end_to_end(settings: Settings, clock: FakeClock) -> None:
    with slapd(person("ann"), person("bob")) as server:
        plain = configuration(server, group_base=None).model_dump(mode="json")
        plain["bind_password"] = MANAGERS_PASSWORD
        configured = directory(
            connection=plain, domains=["example.org"], organizations=[{"organization": "acme"}]
        )
        services = wire(
            settings.model_copy(update={"directories": SecretStr(json.dumps([configured]))}),
            clock=clock,
        )
        await services.keys.ensure()
        world = World(services)
        async with make_client(services) as client:
            await world.org("acme")
            right = await log_in(client, "ann@example.org", PASSWORD)
            wrong = await log_in(client, "ann@example.org", "wrong")
            nobody = await log_in(client, "nobody@example.org", PASSWORD)
            server.change(user_dn("ann"), givenName="Anna")
            again = await log_in(client, "ann@example.org", PASSWORD)
            given = await roles(services)
            server.remove(user_dn("ann"))
            clock.advance(3601)
            disabled = await services.synchronization.run_due()
            server.stop()
            failed = await log_in(client, "bob@example.org", PASSWORD)
        user = await services.users.named("ann")
        await services.close()

    assert (right.status_code, again.status_code) == (200, 200)
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json() == nobody.json()
    assert user.first_name == "Anna"
    assert given == {"ann": "member"}
    assert (disabled, user.is_active) == (1, False)
    assert (failed.status_code, failed.json()["type"]) == (502, "bad_gateway_error")


def test_the_people_stand_where_they_are_looked_for(server: Slapd) -> None:
    connection = ldap.initialize(server.plain_url)
    connection.simple_bind_s(user_dn("alice"), PASSWORD)

    with pytest.raises(ldap.SIZELIMIT_EXCEEDED):
        connection.search_s(PEOPLE, ldap.SCOPE_SUBTREE, "(uid=*)", ["1.1"])


async def test_nothing_of_the_password_is_in_an_error(connect: Connect, server: Slapd) -> None:
    connector = connect(urls=[f"ldaps://127.0.0.1:{free_port()}"])

    with pytest.raises(BadGateway) as caught:
        await connector.authenticate("alice", SecretStr("a password to be searched for"))

    error: BaseException | None = caught.value
    while error is not None:
        assert "searched for" not in repr(error) + str(error)
        error = error.__cause__ or error.__context__
