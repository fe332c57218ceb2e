"""Which connector speaks to a directory."""

from __future__ import annotations

from importlib import import_module

from vestibule.clock import Clock
from vestibule.identity.configuration import DirectoryConfiguration
from vestibule.identity.connector import Connector
from vestibule.identity.ldap.configuration import LdapConfiguration


class MissingLibrary(Exception):
    """A library that speaks to a directory is not installed."""


def require_library(configuration: DirectoryConfiguration) -> None:
    """Raise `MissingLibrary` where what speaks to this directory is not installed."""
    # Each speaks a protocol of its own, and most deployments need neither.
    if isinstance(configuration.connection, LdapConfiguration):
        try:
            import_module("vestibule.identity.ldap.connector")
        except ImportError:
            raise MissingLibrary(
                f"the directory {configuration.key} needs the extra `ldap`: vestibule[ldap]"
            ) from None


def make_connector(configuration: DirectoryConfiguration, clock: Clock) -> Connector:
    """The connector of this configuration; nothing is asked yet. Raises `MissingLibrary`."""
    require_library(configuration)
    connection = configuration.connection
    if isinstance(connection, LdapConfiguration):
        from vestibule.identity.ldap.connector import LdapConnector

        return LdapConnector(connection, clock=clock)
    from vestibule.identity.oidc.connector import OidcConnector

    return OidcConnector(connection, clock=clock)
