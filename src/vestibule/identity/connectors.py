"""Which connector speaks to a directory."""

from __future__ import annotations

from vestibule.clock import Clock
from vestibule.identity.configuration import DirectoryConfiguration
from vestibule.identity.connector import Connector
from vestibule.identity.ldap.configuration import LdapConfiguration


class MissingLibrary(Exception):
    """A library that speaks to a directory is not installed."""


def make_connector(configuration: DirectoryConfiguration, clock: Clock) -> Connector:
    """The connector of this configuration; nothing is asked yet."""
    connection = configuration.connection
    # Each speaks a protocol of its own, and most deployments need neither.
    if isinstance(connection, LdapConfiguration):
        try:
            from vestibule.identity.ldap.connector import LdapConnector
        except ImportError:
            raise MissingLibrary(
                f"the directory {configuration.key} needs the extra `ldap`: vestibule[ldap]"
            ) from None

        return LdapConnector(connection, clock=clock)
    from vestibule.identity.oidc.connector import OidcConnector

    return OidcConnector(connection, clock=clock)
