"""The directory that the login asks: ours, or the one upstream that answers for somebody."""

from __future__ import annotations

from datetime import timedelta

from pydantic import SecretStr

from vestibule.clock import Clock, utc
from vestibule.errors import AccessForbidden, BadGateway, GatewayTimeout
from vestibule.identity import repository
from vestibule.identity.directory import Accounts, Found, Verified
from vestibule.identity.linking import Linking
from vestibule.identity.models import Identity
from vestibule.identity.registry import Directories, Registry
from vestibule.identity.upstream import Upstream
from vestibule.orgs import repository as orgs
from vestibule.passwords.pool import Reservation
from vestibule.passwords.service import Passwords
from vestibule.storage.database import Database
from vestibule.users.models import User


class RoutedDirectory:
    """A `Directory` over our own and all upstream ones.

    An account that is linked to a directory is answered for by it. So are the names that a
    directory has by domain or suffix, but for accounts with a local password where the directory
    is not exclusive, and for administrators of the service, who must get in when it fails. Who is
    left is asked of the directory of the organization asked for, then of the default one.
    """

    def __init__(
        self,
        *,
        local: Accounts,
        registry: Registry,
        linking: Linking,
        passwords: Passwords,
        database: Database,
        clock: Clock,
    ) -> None:
        self._local = local
        self._registry = registry
        self._linking = linking
        self._passwords = passwords
        self._database = database
        self._clock = clock

    async def find(self, identifier: str, *, organization: str | None = None) -> Found:
        """As `Directory.find`."""
        directories = await self._registry.current()
        user = await self._local.find(identifier)
        if not directories.by_key:
            return Found(identifier, user)
        upstream = await self._answering(directories, identifier, user, organization)
        return Found(identifier, user, upstream)

    async def verify(
        self, *, found: Found, password: SecretStr, reservation: Reservation
    ) -> Verified | None:
        """As `Directory.verify`."""
        upstream = found.upstream
        if upstream is None:
            user = await self._local.verify(
                user=found.user, password=password, reservation=reservation
            )
            return Verified(user) if user else None
        if not upstream.connector.takes_passwords:
            return await self._refused(found, password, reservation)
        # The directory hashes: whoever waits for it must not keep a place from those who do here.
        reservation.release()
        try:
            profile = await upstream.authenticate(found.identifier, password)
        except (BadGateway, GatewayTimeout):
            remembered = await self._remembered(upstream, found, password)
            if remembered is None:
                raise
            return remembered
        if profile is None:
            return None
        user = await self._linking.signed_in(upstream.configuration, profile)
        if upstream.configuration.cache_seconds:
            await self._remember(upstream, profile.subject, password)
        return Verified(user, upstream.key)

    async def _refused(
        self, found: Found, password: SecretStr, reservation: Reservation
    ) -> Verified | None:
        """No password is right. Who asks by a name that is routed is told where to go instead.

        Of a single account nothing is told: that would say that there is one.
        """
        assert found.upstream is not None
        if self._registry.latest.for_name(found.identifier) is found.upstream:
            raise AccessForbidden(
                f"Sign in through {found.upstream.configuration.name}, in a browser",
                cause="directory_browser_only",
            )
        await self._local.verify(user=None, password=password, reservation=reservation)
        return None

    async def _answering(
        self,
        directories: Directories,
        identifier: str,
        user: User | None,
        organization: str | None,
    ) -> Upstream | None:
        if user is not None and user.password_hash is None:
            # Without a local password: the directory that it is linked to, or nobody.
            identity = await self._identity(user)
            if identity is not None:
                return directories.active(identity.directory)
        routed = directories.for_name(identifier)
        if user is not None and user.password_hash is not None:
            own = routed is None or user.is_admin or not routed.configuration.exclusive
            return None if own else routed
        if routed is not None:
            return routed
        return await self._of_organization(directories, organization) or directories.default

    async def _identity(self, user: User) -> Identity | None:
        return await self._database.read(lambda c: repository.first_of(c, user.id))

    async def _of_organization(self, directories: Directories, key: str | None) -> Upstream | None:
        if key is None:
            return None
        organization = await self._database.read(lambda c: orgs.by_key(c, key))
        return directories.active(organization.directory) if organization else None

    async def _remember(self, upstream: Upstream, subject: str, password: SecretStr) -> None:
        """Keep a hash of the password that the directory has just taken."""
        values = {
            "cached_hash": await self._passwords.hash(password),
            "cached_at": utc(self._clock),
        }
        await self._database.write(
            lambda c: repository.change_identity(
                c, directory=upstream.key, subject=subject, values=values
            )
        )

    async def _remembered(
        self, upstream: Upstream, found: Found, password: SecretStr
    ) -> Verified | None:
        """The user where the directory has taken this password not long ago."""
        lifetime = timedelta(seconds=upstream.configuration.cache_seconds)
        if not lifetime or found.user is None:
            return None
        identity = await self._identity(found.user)
        if (
            identity is None
            or identity.directory != upstream.key
            or identity.cached_hash is None
            or identity.cached_at is None
            or utc(self._clock) - identity.cached_at >= lifetime
        ):
            return None
        with self._passwords.reserve() as reservation:
            verification = await self._passwords.verify(
                reservation, encoded=identity.cached_hash, password=password
            )
        return Verified(found.user, upstream.key) if verification.ok else None
