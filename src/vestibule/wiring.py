"""Every service, made once from the settings and handed what it needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from vestibule.apikeys.service import ApiKeys
from vestibule.audit.service import Audit
from vestibule.clients.assertions import Assertions
from vestibule.clients.service import Clients
from vestibule.clock import Clock, SystemClock
from vestibule.gate.liveness import Liveness
from vestibule.gate.service import Gate
from vestibule.guard.backoff import Backoff
from vestibule.guard.limits import Limiter
from vestibule.guard.service import Guard
from vestibule.guard.storage import BoundedMemoryStorage
from vestibule.identity.local import LocalDirectory
from vestibule.issuing.admission import Admission
from vestibule.issuing.refresh import Refresh
from vestibule.issuing.service import Issuer
from vestibule.login.service import Login
from vestibule.mail.outbox import Outbox
from vestibule.mail.smtp import SmtpMailer
from vestibule.members.invitations import Invitations
from vestibule.members.service import Members
from vestibule.orgs.administration import Administration
from vestibule.orgs.authorization import Authorization
from vestibule.orgs.projects import Projects
from vestibule.orgs.service import Organizations
from vestibule.orgs.workspaces import Workspaces
from vestibule.passwords.firebase import FirebaseProject
from vestibule.passwords.pool import HashPool
from vestibule.passwords.service import Passwords
from vestibule.sessions.refresh_tokens import RefreshTokens
from vestibule.sessions.service import Sessions
from vestibule.settings import Settings
from vestibule.storage.database import Database
from vestibule.tokens.dpop import Dpop
from vestibule.tokens.keys import KeyRing
from vestibule.tokens.replays import Replays
from vestibule.tokens.service import Tokens
from vestibule.tokens.vault import Vault, derive, read_or_create_secret
from vestibule.users.service import Users


@dataclass(frozen=True, slots=True)
class Services:
    """All that the application, the command line and the tests work with."""

    settings: Settings
    clock: Clock
    database: Database
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
    api_keys: ApiKeys
    passwords: Passwords
    users: Users
    clients: Clients
    sessions: Sessions
    replays: Replays
    dpop: Dpop
    guard: Guard
    liveness: Liveness
    authenticate: Gate
    admission: Admission
    issuer: Issuer
    refresh: Refresh
    login: Login

    async def close(self) -> None:
        """End what is under way, write what waits, let go of everything."""
        await self.outbox.close()
        await self.api_keys.flush()
        await self.audit.flush()
        self.pool.close()
        await self.database.close()


def wire(settings: Settings, *, clock: Clock | None = None) -> Services:
    """Make the services. Touches the data folder, but not yet the database."""
    clock = clock or SystemClock()
    database = Database(settings.sqlalchemy_url, busy_timeout=settings.database_timeout)
    secret = settings.secret_key or read_or_create_secret(settings.data_dir)
    audit = Audit(
        database=database, clock=clock, digest_key=derive(secret, purpose="audit identifiers")
    )
    keys = KeyRing(
        database=database,
        vault=Vault([secret, *settings.previous_secret_keys]),
        clock=clock,
        algorithm=settings.signing_algorithm,
        token_lifetime=settings.access_token_lifetime,
        publish_ahead=settings.key_publish_ahead,
    )
    tokens = Tokens(
        keys=keys,
        clock=clock,
        issuer=settings.public_url,
        audience=settings.token_audience,
        access_lifetime=settings.access_token_lifetime,
    )
    replays = Replays(database=database)
    dpop = Dpop(replays=replays, clock=clock, issuer=settings.public_url)
    sessions = Sessions(
        database=database,
        clock=clock,
        refresh_tokens=RefreshTokens(
            [
                derive(key, purpose="refresh tokens")
                for key in (secret, *settings.previous_secret_keys)
            ]
        ),
        lifetime=settings.refresh_token_lifetime,
        idle_lifetime=settings.refresh_token_idle_lifetime,
        browser_lifetime=settings.browser_session_lifetime,
        grace=settings.refresh_grace,
    )
    pool = HashPool(threads=settings.hash_threads, deadline=settings.hash_deadline, clock=clock)
    passwords = Passwords(
        pool=pool,
        memory_kib=settings.argon2_memory,
        time_cost=settings.argon2_time,
        parallelism=settings.argon2_parallelism,
        firebase=_firebase(settings),
    )
    organizations = Organizations(database=database, clock=clock)
    authorization = Authorization(database=database, audit=audit)
    outbox = _outbox(settings, clock)
    api_keys = ApiKeys(database=database, clock=clock, audit=audit, organizations=organizations)
    users = Users(database=database, passwords=passwords, clock=clock)
    clients = Clients(
        database=database,
        clock=clock,
        assertions=Assertions(
            replays=replays,
            clock=clock,
            audiences=[settings.public_url, f"{settings.public_url}/oauth2/token"],
        ),
        default_scopes=settings.default_scopes,
    )
    guard = _guard(settings, clock)
    liveness = Liveness(database=database, clock=clock)
    authenticate = Gate(
        guard=guard,
        tokens=tokens,
        liveness=liveness,
        dpop=dpop,
        api_keys=api_keys,
        users=users,
        clients=clients,
    )
    admission = Admission(guard=guard, clients=clients)
    issuer = Issuer(tokens=tokens, sessions=sessions, audit=audit, database=database)
    refresh = Refresh(issuer=issuer, sessions=sessions, users=users, organizations=organizations)
    login = Login(
        guard=guard,
        admission=admission,
        directory=LocalDirectory(users=users, passwords=passwords, database=database),
        passwords=passwords,
        organizations=organizations,
        issuer=issuer,
        audit=audit,
        clock=clock,
        require_verified_email=settings.require_verified_email,
        failure_floor=settings.failure_floor,
    )
    return Services(
        settings=settings,
        clock=clock,
        database=database,
        pool=pool,
        audit=audit,
        keys=keys,
        tokens=tokens,
        organizations=organizations,
        administration=Administration(
            organizations=organizations,
            authorization=authorization,
            audit=audit,
            clock=clock,
            anyone_creates=settings.org_creation == "anyone",
        ),
        workspaces=Workspaces(authorization=authorization, clock=clock),
        projects=Projects(authorization=authorization, clock=clock),
        members=Members(authorization=authorization),
        invitations=Invitations(
            authorization=authorization,
            outbox=outbox,
            audit=audit,
            clock=clock,
            lifetime=settings.invitation_lifetime,
            per_hour=settings.invitations_per_hour,
            url=settings.invitation_url or f"{settings.public_url}/invitation",
        ),
        outbox=outbox,
        api_keys=api_keys,
        passwords=passwords,
        users=users,
        clients=clients,
        sessions=sessions,
        replays=replays,
        dpop=dpop,
        guard=guard,
        liveness=liveness,
        authenticate=authenticate,
        admission=admission,
        issuer=issuer,
        refresh=refresh,
        login=login,
    )


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Services]:
    """The services for as long as the block lasts."""
    services = wire(settings, clock=clock)
    try:
        yield services
    finally:
        await services.close()


def _firebase(settings: Settings) -> FirebaseProject | None:
    if settings.firebase_signer_key is None:
        return None
    return FirebaseProject(
        signer_key=settings.firebase_signer_key,
        salt_separator=settings.firebase_salt_separator,
        rounds=settings.firebase_rounds,
        memory_cost=settings.firebase_memory_cost,
    )


def _outbox(settings: Settings, clock: Clock) -> Outbox:
    mailer = None
    if settings.smtp_url is not None:
        mailer = SmtpMailer(
            url=settings.smtp_url,
            sender=settings.mail_from or "",
            timeout=settings.mail_timeout,
            clock=clock,
        )
    return Outbox(mailer=mailer, timeout=settings.mail_timeout)


def _guard(settings: Settings, clock: Clock) -> Guard:
    limiter = Limiter(
        storage=BoundedMemoryStorage(clock=clock),
        clock=clock,
        rates={
            "address": settings.limit_address,
            "account": settings.limit_account,
            "client": settings.limit_client,
            "failures": settings.limit_failures,
            "devices": settings.limit_devices,
            "user_codes": settings.limit_user_codes,
        },
    )
    backoff = Backoff(clock=clock) if settings.failure_delays else None
    return Guard(limiter=limiter, backoff=backoff, require_tls=settings.require_tls)
