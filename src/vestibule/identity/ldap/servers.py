"""Reaching LDAP servers: TLS, certificates, one after another where one can't be reached."""

from __future__ import annotations

import os
import time
from typing import Any, TypeVar

import ldap
from ldap.ldapobject import SimpleLDAPObject

from vestibule.clock import Clock
from vestibule.errors import ApiError, BadGateway, GatewayTimeout
from vestibule.identity.ldap.configuration import LdapConfiguration

T = TypeVar("T")

AVOIDED = 30.0
"""Seconds for which a server that could not be reached is asked last."""
SLACK = 0.05
"""Seconds: what ends so shortly before its deadline has ended by it."""


class Deadline:
    """When one question must have been answered."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds; never so few that libldap would take them for forever."""
        return max(0.001, self._at - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to wait for any more."""
        return self._at - time.monotonic() <= SLACK


def failure(error: ldap.LDAPError, deadline: Deadline) -> ApiError:
    """What our caller is told. Nothing of what the server said goes along."""
    if isinstance(error, (ldap.TIMEOUT, ldap.TIMELIMIT_EXCEEDED)) or deadline.is_over:
        return GatewayTimeout(cause="directory_silent")
    if isinstance(error, (ldap.SERVER_DOWN, ldap.CONNECT_ERROR)):
        return BadGateway(cause="directory_unreachable")
    if isinstance(error, (ldap.INVALID_CREDENTIALS, ldap.INSUFFICIENT_ACCESS)):
        return BadGateway(cause="directory_credentials")
    if isinstance(error, (ldap.DECODING_ERROR, ldap.PROTOCOL_ERROR, ldap.LOCAL_ERROR)):
        return BadGateway(cause="directory_garbled")
    return BadGateway(cause="directory_refused")


class Servers:
    """Opens connections. Called in threads: all that it remembers is one value a server."""

    def __init__(self, configuration: LdapConfiguration, clock: Clock) -> None:
        self._configuration = configuration
        self._clock = clock
        self._failed_at: dict[str, float] = {}
        self._authorities = _in_memory(configuration.ca_certificates)

    def open(self, deadline: Deadline) -> SimpleLDAPObject:
        """A connection to the first server that can be reached, bound to nobody.

        Raises `BadGateway`, `GatewayTimeout`.
        """
        urls = self._in_turn()
        last: ApiError | None = None
        for left, url in zip(range(len(urls), 0, -1), urls, strict=True):
            share = Deadline(deadline.remaining / left)
            try:
                connection = self._connect(url, share)
            except ldap.LDAPError as error:
                self._failed_at[url] = self._clock.monotonic()
                last = failure(error, share)
            else:
                self._failed_at.pop(url, None)
                return connection
        assert last is not None
        raise last

    def close(self) -> None:
        """Let the certificates go."""
        if self._authorities is not None:
            os.close(self._authorities)
            self._authorities = None

    def _in_turn(self) -> list[str]:
        now = self._clock.monotonic()

        def avoided(url: str) -> bool:
            failed_at = self._failed_at.get(url)
            return failed_at is not None and now - failed_at < AVOIDED

        return sorted(self._configuration.urls, key=avoided)

    def _connect(self, url: str, deadline: Deadline) -> SimpleLDAPObject:
        configuration = self._configuration
        connection = ldap.initialize(url, bytes_mode=None)
        connection.protocol_version = ldap.VERSION3
        connection.set_option(ldap.OPT_REFERRALS, int(configuration.follow_referrals))
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, deadline.remaining)
        connection.set_option(ldap.OPT_TIMEOUT, deadline.remaining)
        connection.set_option(ldap.OPT_X_KEEPALIVE_IDLE, 60)
        secure = url.startswith("ldaps:")
        if secure or configuration.start_tls:
            connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
            if self._authorities is not None:
                path = f"/proc/self/fd/{self._authorities}"
                connection.set_option(ldap.OPT_X_TLS_CACERTFILE, path)
            # Without a context of its own a connection takes another one's options.
            connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        if not secure and configuration.start_tls:
            connection.start_tls_s()
        # Nothing is sent before the first operation: to bind as nobody shows who can be reached.
        within(connection, connection.simple_bind("", ""), deadline)
        return connection


def within(connection: SimpleLDAPObject, message: int, deadline: Deadline) -> tuple[Any, Any]:
    """The answer to a message and its controls. Raises `ldap.LDAPError`."""
    kind, data, _, controls = connection.result3(message, all=1, timeout=deadline.remaining)
    if kind is None:
        raise ldap.TIMEOUT
    return data, controls


def _in_memory(certificates: str | None) -> int | None:
    """A file that only this process sees: libldap takes certificates from files alone."""
    if certificates is None:
        return None
    descriptor = os.memfd_create("authorities")
    os.write(descriptor, certificates.encode())
    return descriptor
