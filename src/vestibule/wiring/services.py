"""All services in one value."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from vestibule.apikeys.service import ApiKeys
from vestibule.audit.service import Audit
from vestibule.clients.service import Clients
from vestibule.clock import Clock
from vestibule.devices.service import Devices
from vestibule.gate.liveness import Liveness
from vestibule.gate.service import Gate
from vestibule.guard.service import Guard
from vestibule.housekeeping.service import Housekeeping
from vestibule.http.draining import Draining
from vestibule.identity.administration import DirectoryAdministration
from vestibule.identity.linking import Linking
from vestibule.identity.registry import Registry
from vestibule.identity.sync import Synchronization
from vestibule.issuing.admission import Admission
from vestibule.issuing.refresh import Refresh
from vestibule.issuing.revocation import Revocation
from vestibule.issuing.service import Issuer
from vestibule.login.service import Login
from vestibule.mail.outbox import Outbox
from vestibule.members.invitations import Invitations
from vestibule.members.service import Members
from vestibule.metrics.service import Metrics
from vestibule.oauth.authorization import Authorizations
from vestibule.oauth.consents import Consents
from vestibule.oauth.introspection import Introspector
from vestibule.oauth.service import TokenEndpoint
from vestibule.orgs.administration import Administration
from vestibule.orgs.projects import Projects
from vestibule.orgs.service import Organizations
from vestibule.orgs.workspaces import Workspaces
from vestibule.pages.browser import Browser
from vestibule.passwords.pool import HashPool
from vestibule.passwords.service import Passwords
from vestibule.recovery.service import Recovery
from vestibule.sessions.administration import SessionAdministration
from vestibule.sessions.service import Sessions
from vestibule.settings import Settings
from vestibule.state.service import SharedState
from vestibule.status.readers import MetricsReaders
from vestibule.status.readiness import Readiness
from vestibule.storage.database import Database
from vestibule.tokens.dpop import Dpop
from vestibule.tokens.keys import KeyRing
from vestibule.tokens.replays import Replays
from vestibule.tokens.service import Tokens
from vestibule.tracing.spans import Tracing
from vestibule.users.imports import Imports
from vestibule.users.service import Users
from vestibule.wiring.own import Own
from vestibule.wiring.provisioning import Provisioning


@dataclass(frozen=True, slots=True)
class Services:
    """All that the application, the command line and the tests work with."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    tracing: Tracing
    draining: Draining
    readiness: Readiness
    metrics_readers: MetricsReaders
    database: Database
    shared: SharedState
    pool: HashPool
    audit: Audit
    keys: KeyRing
    tokens: Tokens
    organizations: Organizations
    administration: Administration
    workspaces: Workspaces
    projects: Projects
    members: Members
    invitations: Invitations
    outbox: Outbox
    recovery: Recovery
    provisioning: Provisioning
    api_keys: ApiKeys
    passwords: Passwords
    users: Users
    imports: Imports
    own: Own
    clients: Clients
    sessions: Sessions
    session_administration: SessionAdministration
    replays: Replays
    dpop: Dpop
    guard: Guard
    registry: Registry
    linking: Linking
    synchronization: Synchronization
    directory_administration: DirectoryAdministration
    liveness: Liveness
    authenticate: Gate
    admission: Admission
    issuer: Issuer
    refresh: Refresh
    login: Login
    revocation: Revocation
    devices: Devices
    introspector: Introspector
    authorizations: Authorizations
    consents: Consents
    token_endpoint: TokenEndpoint
    browser: Browser
    housekeeping: Housekeeping

    async def close(self) -> None:
        """End what is under way, write what waits, let go of everything."""
        await self.imports.close()
        await self.recovery.close()
        await self.outbox.close()
        await self.api_keys.flush()
        await self.audit.flush()
        self.pool.close()
        await self.shared.close()  # before whom its news would have ask anew
        await self.registry.close()
        await self.database.close()
        await asyncio.to_thread(self.tracing.close)
