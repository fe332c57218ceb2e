"""Upstream directories, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, SecretStr, TypeAdapter

from vestibule.audit.service import Audit
from vestibule.clock import Clock
from vestibule.identity.administration import DirectoryAdministration
from vestibule.identity.breaker import State
from vestibule.identity.configuration import LOCAL, DirectoryConfiguration
from vestibule.identity.connectors import make_connector
from vestibule.identity.linking import Linking
from vestibule.identity.local import LocalDirectory
from vestibule.identity.metered import MeteredAccounts
from vestibule.identity.registry import Registry
from vestibule.identity.routed import RoutedDirectory
from vestibule.identity.sync import Synchronization
from vestibule.metrics.service import Metrics
from vestibule.passwords.service import Passwords
from vestibule.scim import repository as scim
from vestibule.sessions.service import Sessions
from vestibule.settings import Settings
from vestibule.state.news import News
from vestibule.storage.database import Database
from vestibule.tokens.vault import Vault
from vestibule.tracing.spans import Tracing
from vestibule.users.service import Users

STATES = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}


def _whole(configuration: DirectoryConfiguration) -> DirectoryConfiguration:
    if configuration.connection.lacks is not None:
        raise ValueError(f"{configuration.connection.lacks} must be given")
    return configuration


_configurations = TypeAdapter(
    tuple[Annotated[DirectoryConfiguration, AfterValidator(_whole)], ...],
    config=ConfigDict(hide_input_in_errors=True),
)


@dataclass(frozen=True, slots=True)
class People:
    """All that knows people."""

    registry: Registry
    linking: Linking
    synchronization: Synchronization
    directory: RoutedDirectory
    administration: DirectoryAdministration


def make_people(
    settings: Settings,
    *,
    database: Database,
    secrets: Sequence[SecretStr],
    users: Users,
    passwords: Passwords,
    sessions: Sessions,
    audit: Audit,
    clock: Clock,
    metrics: Metrics,
    tracing: Tracing,
    news: News,
) -> People:
    """Our own directory and those of the settings and of the database.

    Raises `ValidationError`, without what was set, where the settings name none that can be.
    """
    registry = Registry(
        database=database,
        vault=Vault(secrets, purpose="directories at rest"),
        clock=clock,
        metrics=metrics,
        tracing=tracing,
        make_connector=make_connector,
        news=news,
        configured=configured(settings),
    )
    metrics.gauges(
        "vestibule_directory_breaker",
        "0 where questions go through, 1 where one does to see, 2 where none does.",
        "directory",
        lambda: {
            key: STATES[upstream.breaker.state] for key, upstream in registry.latest.by_key.items()
        },
    )
    linking = Linking(
        database=database, users=users, sessions=sessions, clock=clock, awaits=scim.awaits
    )
    accounts = MeteredAccounts(
        LocalDirectory(users=users, passwords=passwords, database=database),
        name=LOCAL,
        metrics=metrics,
        tracing=tracing,
        clock=clock,
    )
    synchronization = Synchronization(
        database=database, registry=registry, linking=linking, clock=clock
    )
    return People(
        registry=registry,
        linking=linking,
        synchronization=synchronization,
        administration=DirectoryAdministration(
            registry=registry,
            linking=linking,
            synchronization=synchronization,
            users=users,
            sessions=sessions,
            database=database,
            audit=audit,
            clock=clock,
        ),
        directory=RoutedDirectory(
            local=accounts,
            registry=registry,
            linking=linking,
            passwords=passwords,
            database=database,
            clock=clock,
        ),
    )


def configured(settings: Settings) -> tuple[DirectoryConfiguration, ...]:
    """Those of the settings. Raises `ValidationError`."""
    if settings.directories is None:
        return ()
    return _configurations.validate_json(settings.directories.get_secret_value())
