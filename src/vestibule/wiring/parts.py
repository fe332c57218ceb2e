"""The parts that are put together from settings or from many others."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import get_args

from pydantic import SecretStr

from vestibule.audit.service import Audit
from vestibule.clients.assertions import Assertions
from vestibule.clients.models import Grant
from vestibule.clients.remembering import RememberedClients
from vestibule.clients.service import Clients
from vestibule.clock import Clock
from vestibule.devices.service import Devices
from vestibule.gate.liveness import Liveness
from vestibule.guard.backoff import Backoff
from vestibule.guard.limits import Limiter
from vestibule.guard.local import LocalTally
from vestibule.guard.service import Guard
from vestibule.guard.shared import SharedTally
from vestibule.guard.storage import BoundedMemoryStorage
from vestibule.guard.tally import Policy, Rate, Tally, parse_rate
from vestibule.identity.registry import Registry
from vestibule.issuing.approvals import Approvals
from vestibule.issuing.refresh import Refresh
from vestibule.issuing.service import Issuer
from vestibule.login.service import Login
from vestibule.mail.console import ConsoleMailer
from vestibule.mail.letters import Letters
from vestibule.mail.mailer import Mailer
from vestibule.mail.outbox import Outbox
from vestibule.mail.smtp import SmtpMailer
from vestibule.metrics.service import Metrics
from vestibule.oauth.grants import GrantHandler
from vestibule.oauth.grants.authorization_code import AuthorizationCodeGrant
from vestibule.oauth.grants.client_credentials import ClientCredentialsGrant
from vestibule.oauth.grants.device_code import DeviceCodeGrant
from vestibule.oauth.grants.password import PasswordGrant
from vestibule.oauth.grants.refresh_token import RefreshTokenGrant
from vestibule.oauth.grants.token_exchange import TokenExchangeGrant
from vestibule.orgs.service import Organizations
from vestibule.passwords.firebase import FirebaseProject
from vestibule.passwords.pool import HashPool
from vestibule.passwords.service import Passwords
from vestibule.recovery.service import Recovery
from vestibule.sessions.refresh_tokens import RefreshTokens
from vestibule.sessions.service import Sessions
from vestibule.settings import Settings
from vestibule.state.service import SharedState
from vestibule.storage.database import Database
from vestibule.tokens.keys import KeyRing
from vestibule.tokens.replays import Replays
from vestibule.tokens.service import Tokens
from vestibule.tokens.vault import Vault, derive
from vestibule.tracing.spans import Tracing
from vestibule.users.importing import Importer
from vestibule.users.imports import Imports
from vestibule.users.service import Users


def make_grants(
    *,
    login: Login,
    refresh: Refresh,
    devices: Devices,
    approvals: Approvals,
    issuer: Issuer,
    tokens: Tokens,
    sessions: Sessions,
    liveness: Liveness,
    users: Users,
    organizations: Organizations,
    audit: Audit,
    database: Database,
    clock: Clock,
) -> dict[Grant, GrantHandler]:
    """The grants of the token endpoint."""
    return {
        Grant.PASSWORD: PasswordGrant(login=login),
        Grant.REFRESH_TOKEN: RefreshTokenGrant(refresh=refresh),
        Grant.CLIENT_CREDENTIALS: ClientCredentialsGrant(
            tokens=tokens, organizations=organizations, audit=audit
        ),
        Grant.AUTHORIZATION_CODE: AuthorizationCodeGrant(
            issuer=issuer,
            sessions=sessions,
            approvals=approvals,
            database=database,
            clock=clock,
        ),
        Grant.DEVICE_CODE: DeviceCodeGrant(devices=devices),
        Grant.TOKEN_EXCHANGE: TokenExchangeGrant(
            tokens=tokens,
            liveness=liveness,
            users=users,
            organizations=organizations,
            audit=audit,
        ),
    }


def make_clients(
    settings: Settings, database: Database, replays: Replays, shared: SharedState, clock: Clock
) -> Clients:
    """The clients, and how they prove themselves."""
    url = settings.public_url
    endpoints = ("token", "introspect", "revoke", "device_authorization")
    assertions = Assertions(
        replays=replays,
        clock=clock,
        # RFC 7523 §3 names the token endpoint; libraries name the endpoint that they call.
        audiences=[url, *(f"{url}/oauth2/{endpoint}" for endpoint in endpoints)],
    )
    return Clients(
        database=database,
        remembered=RememberedClients(database=database, clock=clock, news=shared.news),
        clock=clock,
        assertions=assertions,
        default_scopes=settings.default_scopes,
    )


def make_keys(
    settings: Settings,
    secrets: Sequence[SecretStr],
    database: Database,
    shared: SharedState,
    clock: Clock,
) -> KeyRing:
    """The signing keys, sealed by the first of the secrets."""
    return KeyRing(
        database=database,
        vault=Vault(secrets),
        clock=clock,
        algorithm=settings.signing_algorithm,
        token_lifetime=settings.access_token_lifetime,
        publish_ahead=settings.key_publish_ahead,
        news=shared.news,
    )


def make_sessions(
    settings: Settings, secrets: Sequence[SecretStr], database: Database, clock: Clock
) -> Sessions:
    """The sessions; the first of the secrets makes refresh tokens, any verifies them."""
    return Sessions(
        database=database,
        clock=clock,
        refresh_tokens=RefreshTokens([derive(key, purpose="refresh tokens") for key in secrets]),
        lifetime=settings.refresh_token_lifetime,
        idle_lifetime=settings.refresh_token_idle_lifetime,
        browser_lifetime=settings.browser_session_lifetime,
        grace=settings.refresh_grace,
    )


def make_passwords(settings: Settings, pool: HashPool) -> Passwords:
    """The hashing of passwords, in this pool."""
    return Passwords(
        pool=pool,
        memory_kib=settings.argon2_memory,
        time_cost=settings.argon2_time,
        parallelism=settings.argon2_parallelism,
        firebase=_firebase(settings),
    )


def _firebase(settings: Settings) -> FirebaseProject | None:
    """The Firebase project whose hashes were imported, if any."""
    if settings.firebase_signer_key is None:
        return None
    return FirebaseProject(
        signer_key=settings.firebase_signer_key,
        salt_separator=settings.firebase_salt_separator,
        rounds=settings.firebase_rounds,
        memory_cost=settings.firebase_memory_cost,
    )


def make_outbox(
    settings: Settings,
    secrets: Sequence[SecretStr],
    database: Database,
    clock: Clock,
    metrics: Metrics,
) -> Outbox:
    """The way out for mail: through a server, or else to the console."""
    mailer: Mailer = ConsoleMailer(sys.stderr)
    if settings.smtp_url is not None:
        mailer = SmtpMailer(
            url=settings.smtp_url,
            sender=settings.mail_from or "",
            timeout=settings.mail_timeout,
            clock=clock,
        )
    return Outbox(
        database=database,
        vault=Vault(secrets, purpose="mail at rest"),
        mailer=mailer,
        clock=clock,
        timeout=settings.mail_timeout,
        metrics=metrics,
        is_configured=settings.smtp_url is not None,
    )


def make_recovery(
    settings: Settings,
    database: Database,
    users: Users,
    registry: Registry,
    outbox: Outbox,
    letters: Letters,
    guard: Guard,
    audit: Audit,
    clock: Clock,
) -> Recovery:
    """Links by mail, which lead to our own pages unless the platform has its own."""
    return Recovery(
        database=database,
        users=users,
        registry=registry,
        outbox=outbox,
        letters=letters,
        guard=guard,
        audit=audit,
        clock=clock,
        reset_lifetime=settings.reset_lifetime,
        verification_lifetime=settings.verification_lifetime,
        reset_url=settings.reset_url or f"{settings.public_url}/reset",
        verification_url=settings.verification_url or f"{settings.public_url}/verify",
    )


def make_shared_state(
    settings: Settings, clock: Clock, metrics: Metrics, tracing: Tracing
) -> SharedState:
    """What instances share in Redis, where one is set."""
    return SharedState(
        url=settings.redis_url,
        timeout=settings.redis_timeout,
        outage=settings.redis_outage,
        clock=clock,
        metrics=metrics,
        tracing=tracing,
    )


def make_guard(settings: Settings, clock: Clock, shared: SharedState) -> Guard:
    """The guard with the limits of the settings, counted in Redis where one is set."""
    rates: dict[Policy, Rate] = {
        policy: parse_rate(policy, getattr(settings, f"limit_{policy}"))
        for policy in get_args(Policy)
    }
    local = LocalTally(
        limiter=Limiter(storage=BoundedMemoryStorage(clock=clock), clock=clock, rates=rates),
        backoff=Backoff(clock=clock) if settings.failure_delays else None,
    )
    tally: Tally = local
    if shared.configured:
        tally = SharedTally(
            shared=shared, local=local, rates=rates, delays=settings.failure_delays, clock=clock
        )
    return Guard(tally=tally, require_tls=settings.require_tls)


def make_imports(
    database: Database,
    users: Users,
    organizations: Organizations,
    passwords: Passwords,
    audit: Audit,
    clock: Clock,
) -> Imports:
    """Imports beside logins, which they let have most of the processors."""
    importer = Importer(
        database=database,
        users=users,
        organizations=organizations,
        passwords=passwords,
        batch=100,
    )
    return Imports(importer=importer, database=database, audit=audit, clock=clock)
