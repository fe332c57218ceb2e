"""The connector of LDAP directories."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import ldap
from ldap.filter import escape_filter_chars
from ldap.ldapobject import SimpleLDAPObject
from pydantic import SecretStr

from vestibule.clock import Clock
from vestibule.errors import BadGateway
from vestibule.identity.connector import Profile
from vestibule.identity.ldap.binding import Bound, bind
from vestibule.identity.ldap.configuration import USERNAME, LdapConfiguration
from vestibule.identity.ldap.entries import (
    Entry,
    attributes_of,
    may_be_used,
    profile_of,
    subject_filter,
)
from vestibule.identity.ldap.groups import groups_of
from vestibule.identity.ldap.pool import Connections
from vestibule.identity.ldap.servers import Deadline, Servers, failure, within

T = TypeVar("T")

LONGEST = 320
"""Characters of a name that anybody may be asked for by."""


class LdapConnector:
    """A `Connector`: search, then bind as the entry that was found.

    libldap blocks, so each directory has threads of its own: one that hangs holds up nobody else.
    Whoever searches and whoever binds as a person use connections apart.
    """

    def __init__(self, configuration: LdapConfiguration, *, clock: Clock) -> None:
        self._configuration = configuration
        self._clock = clock
        self._servers = Servers(configuration, clock)
        self._searching = Connections(self._as_ourselves, size=configuration.pool_size)
        self._binding = Connections(self._servers.open, size=configuration.pool_size)
        self._threads = ThreadPoolExecutor(configuration.pool_size, thread_name_prefix="ldap")

    @property
    def takes_passwords(self) -> bool:
        """As `Connector.takes_passwords`."""
        return True

    async def authenticate(self, identifier: str, password: SecretStr) -> Profile | None:
        """As `Connector.authenticate`. Without a password nobody is asked."""
        if not password.get_secret_value() or not identifier or len(identifier) > LONGEST:
            return None
        return await self._run(lambda deadline: self._authenticated(identifier, password, deadline))

    async def look_up(self, subjects: Sequence[str]) -> dict[str, Profile]:
        """As `Connector.look_up`."""
        return await self._run(lambda deadline: self._looked_up(subjects, deadline))

    @property
    def can_look_up(self) -> bool:
        """As `Connector.can_look_up`."""
        return True

    async def check(self) -> None:
        """As `Connector.check`: our own credentials, and whether the base can be read."""
        await self._run(self._checked)

    async def close(self) -> None:
        """As `Connector.close`."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._searching.close()
        self._binding.close()
        self._servers.close()

    async def _run(self, work: Callable[[Deadline], T]) -> T:
        deadline = Deadline(self._configuration.timeout)

        def run() -> T:
            try:
                return work(deadline)
            except ldap.LDAPError as error:
                told = failure(error, deadline)
            # Outside, so that what the server said does not go along.
            raise told

        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    def _as_ourselves(self, deadline: Deadline) -> SimpleLDAPObject:
        connection = self._servers.open(deadline)
        dn, password = self._configuration.bind_dn, self._configuration.bind_password
        if dn is not None and password is not None:
            message = connection.simple_bind(dn, password.get_secret_value())
            within(connection, message, deadline)
        return connection

    def _authenticated(
        self, identifier: str, password: SecretStr, deadline: Deadline
    ) -> Profile | None:
        entry, groups = self._again_where_dead(
            self._searching, deadline, lambda c: self._found(c, identifier, deadline)
        )
        # Nobody is bound as a made-up entry: the server's answer takes about as long.
        dn = entry.dn if entry else f"cn={secrets.token_hex(8)},{self._configuration.user_base}"
        bound = self._again_where_dead(
            self._binding, deadline, lambda c: bind(c, dn, password, deadline)
        )
        if entry is None or bound is Bound.WRONG:
            return None
        active = bound is Bound.RIGHT and may_be_used(entry, now=self._clock.time())
        return profile_of(self._configuration, entry, groups=groups, is_active=active)

    def _found(
        self, connection: SimpleLDAPObject, identifier: str, deadline: Deadline
    ) -> tuple[Entry | None, frozenset[str]]:
        text = self._configuration.user_filter.replace(USERNAME, escape_filter_chars(identifier))
        entries = self._search(connection, text, deadline, limit=2)
        if len(entries) != 1:
            return None, frozenset()  # two of one name: nobody could say which
        return entries[0], groups_of(connection, self._configuration, entries[0], deadline)

    def _looked_up(self, subjects: Sequence[str], deadline: Deadline) -> dict[str, Profile]:
        name = self._configuration.subject_attribute
        wanted = set(subjects)
        text = f"(|{''.join(subject_filter(name, subject) for subject in subjects)})"

        def ask(connection: SimpleLDAPObject) -> dict[str, Profile]:
            found = {}
            for entry in self._search(connection, text, deadline):
                subject = entry.subject(name)
                if subject in wanted:
                    found[subject] = profile_of(
                        self._configuration,
                        entry,
                        groups=groups_of(connection, self._configuration, entry, deadline),
                        is_active=may_be_used(entry, now=self._clock.time()),
                    )
            return found

        return self._again_where_dead(self._searching, deadline, ask)

    def _checked(self, deadline: Deadline) -> None:
        with self._searching.one(deadline, fresh=True) as connection:
            message = connection.search_ext(
                self._configuration.user_base,
                ldap.SCOPE_BASE,
                "(objectClass=*)",
                ["1.1"],
                timeout=deadline.remaining,
            )
            data, _ = within(connection, message, deadline)
            if not data:
                raise BadGateway(cause="directory_base")

    def _search(
        self, connection: SimpleLDAPObject, text: str, deadline: Deadline, *, limit: int = 0
    ) -> list[Entry]:
        message = connection.search_ext(
            self._configuration.user_base,
            ldap.SCOPE_SUBTREE,
            text,
            attributes_of(self._configuration),
            timeout=deadline.remaining,
            sizelimit=limit,
        )
        try:
            data, _ = within(connection, message, deadline)
        except ldap.SIZELIMIT_EXCEEDED:
            if limit:
                return []
            raise
        # An entry without a name is a referral, which is not followed.
        return [Entry(dn, attributes) for dn, attributes in data if dn]

    def _again_where_dead(
        self, connections: Connections, deadline: Deadline, ask: Callable[[SimpleLDAPObject], T]
    ) -> T:
        """What it answers, on a fresh connection where one that waited has died meanwhile."""
        waited = connections.has_idle
        try:
            with connections.one(deadline) as connection:
                return ask(connection)
        except (ldap.SERVER_DOWN, ldap.CONNECT_ERROR):
            if not waited or deadline.is_over:
                raise
        with connections.one(deadline, fresh=True) as connection:
            return ask(connection)
