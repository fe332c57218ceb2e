"""The groups of somebody, those that their groups belong to included."""

from __future__ import annotations

import ldap
from ldap.controls import SimplePagedResultsControl
from ldap.filter import escape_filter_chars
from ldap.ldapobject import SimpleLDAPObject

from vestibule.identity.ldap.configuration import DN, USERNAME, LdapConfiguration
from vestibule.identity.ldap.entries import Entry
from vestibule.identity.ldap.servers import Deadline, within

DEEP = 10
"""Levels of groups in groups that are followed."""
MANY = 5000
"""Groups of one person that are followed."""
AT_ONCE = 50
"""Groups that are asked for together."""


def groups_of(
    connection: SimpleLDAPObject,
    configuration: LdapConfiguration,
    person: Entry,
    deadline: Deadline,
) -> frozenset[str]:
    """Their names. Raises `ldap.LDAPError`."""
    if configuration.group_base is None:
        return frozenset()
    username = person.text(configuration.username_attribute)
    found: dict[str, Entry] = {}
    level = [_filter(configuration, dn=person.dn, username=username)]
    for _ in range(DEEP):
        fresh = [
            group
            for group in search(connection, configuration, _any_of(level), deadline)
            if group.dn.casefold() not in found
        ]
        found |= {group.dn.casefold(): group for group in fresh}
        if not fresh or not configuration.nested_groups or len(found) >= MANY:
            break
        # A group has no username: of filters that ask for one, nothing is found at this level.
        level = [_filter(configuration, dn=group.dn, username="") for group in fresh]
    return frozenset(_name(configuration, group) for group in found.values())


def search(
    connection: SimpleLDAPObject,
    configuration: LdapConfiguration,
    filters: list[str],
    deadline: Deadline,
) -> list[Entry]:
    """What these filters find, page by page (RFC 2696)."""
    attribute = configuration.group_attribute
    found: list[Entry] = []
    for text in filters:
        control = SimplePagedResultsControl(
            criticality=True, size=configuration.page_size, cookie=""
        )
        while len(found) < MANY:
            message = connection.search_ext(
                configuration.group_base,
                ldap.SCOPE_SUBTREE,
                text,
                ["1.1" if attribute == "dn" else attribute],  # 1.1 is none (RFC 4511 §4.5.1.8)
                serverctrls=[control],
                timeout=deadline.remaining,
            )
            data, controls = within(connection, message, deadline)
            # An entry without a name is a referral.
            found += [Entry(dn, attributes) for dn, attributes in data if dn]
            cookies = [c.cookie for c in controls if isinstance(c, SimplePagedResultsControl)]
            if not cookies or not cookies[0]:
                break
            control.cookie = cookies[0]
    return found


def _any_of(filters: list[str]) -> list[str]:
    """The same in fewer filters."""
    return [
        f"(|{''.join(filters[start : start + AT_ONCE])})"
        for start in range(0, len(filters), AT_ONCE)
    ]


def _filter(configuration: LdapConfiguration, *, dn: str, username: str) -> str:
    return configuration.group_filter.replace(DN, escape_filter_chars(dn)).replace(
        USERNAME, escape_filter_chars(username)
    )


def _name(configuration: LdapConfiguration, group: Entry) -> str:
    if configuration.group_attribute == "dn":
        return group.dn
    return group.text(configuration.group_attribute)
