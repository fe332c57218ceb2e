"""Putting the services together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vestibule.apikeys.service import ApiKeys
from vestibule.audit.service import Audit
from vestibule.clock import Clock, SystemClock
from vestibule.devices.polling import Polling
from vestibule.devices.service import Devices
from vestibule.gate.liveness import Liveness
from vestibule.gate.service import Gate
from vestibule.housekeeping.service import Housekeeping
from vestibule.http.draining import Draining
from vestibule.issuing.admission import Admission
from vestibule.issuing.approvals import Approvals
from vestibule.issuing.refresh import Refresh
from vestibule.issuing.revocation import Revocation
from vestibule.issuing.service import Issuer
from vestibule.login.service import Login
from vestibule.mail.letters import Letters
from vestibule.members.invitations import Invitations
from vestibule.members.service import Members
from vestibule.metrics.history import History
from vestibule.metrics.service import Metrics
from vestibule.oauth.authorization import Authorizations
from vestibule.oauth.consents import Consents
from vestibule.oauth.introspection import Introspector
from vestibule.oauth.service import TokenEndpoint
from vestibule.orgs.administration import Administration
from vestibule.orgs.authorization import Authorization
from vestibule.orgs.projects import Projects
from vestibule.orgs.service import Organizations
from vestibule.orgs.workspaces import Workspaces
from vestibule.pages.browser import Browser
from vestibule.sessions.administration import SessionAdministration
from vestibule.settings import Settings
from vestibule.storage.metered import MeteredDatabase
from vestibule.storage.opening import open_database
from vestibule.tokens.dpop import Dpop
from vestibule.tokens.replays import Replays
from vestibule.tokens.service import Tokens
from vestibule.tokens.vault import Vault, derive, read_or_create_secret
from vestibule.users.service import Users
from vestibule.wiring.directories import make_people
from vestibule.wiring.observing import (
    add_gauges,
    make_pool,
    make_readers,
    make_readiness,
    make_tracing,
)
from vestibule.wiring.own import make_own
from vestibule.wiring.parts import (
    make_clients,
    make_grants,
    make_guard,
    make_imports,
    make_keys,
    make_outbox,
    make_passwords,
    make_recovery,
    make_sessions,
    make_shared_state,
)
from vestibule.wiring.provisioning import make_provisioning
from vestibule.wiring.services import Services


def wire(settings: Settings, *, clock: Clock | None = None) -> Services:
    """Make the services. Touches the data folder, but not yet the database."""
    clock = clock or SystemClock()
    metrics = Metrics(History(clock.time))
    tracing, draining = make_tracing(settings), Draining()
    database = MeteredDatabase(
        open_database(settings), metrics=metrics, tracing=tracing, clock=clock
    )
    shared = make_shared_state(settings, clock, metrics, tracing)
    secret = settings.secret_key or read_or_create_secret(settings.data_dir)
    audit = Audit(
        database=database,
        clock=clock,
        digest_key=derive(secret, purpose="audit identifiers"),
        metrics=metrics,
    )
    secrets = [secret, *settings.previous_secret_keys]
    keys = make_keys(settings, secrets, database, shared, clock)
    tokens = Tokens(
        keys=keys,
        clock=clock,
        issuer=settings.public_url,
        audience=settings.token_audience,
        access_lifetime=settings.access_token_lifetime,
    )
    replays = Replays(database=database, shared=shared, clock=clock)
    dpop = Dpop(replays=replays, clock=clock, issuer=settings.public_url)
    sessions = make_sessions(settings, secrets, database, clock)
    pool = make_pool(settings, clock, metrics, tracing)
    passwords = make_passwords(settings, pool)
    organizations = Organizations(database=database, clock=clock)
    authorization = Authorization(database=database, audit=audit)
    letters = Letters(settings.mail_templates)
    outbox = make_outbox(settings, secrets, database, clock, metrics)
    api_keys = ApiKeys(database=database, clock=clock, audit=audit, organizations=organizations)
    users = Users(database=database, passwords=passwords, sessions=sessions, clock=clock)
    people = make_people(
        settings,
        database=database,
        secrets=secrets,
        users=users,
        passwords=passwords,
        sessions=sessions,
        audit=audit,
        clock=clock,
        metrics=metrics,
        tracing=tracing,
        news=shared.news,
    )
    clients = make_clients(settings, database, replays, shared, clock)
    guard = make_guard(settings, clock, shared)
    liveness = Liveness(database=database, clock=clock)
    authenticate = Gate(
        guard=guard,
        tokens=tokens,
        liveness=liveness,
        dpop=dpop,
        api_keys=api_keys,
        users=users,
        clients=clients,
        audit=audit,
    )
    admission = Admission(guard=guard, clients=clients)
    issuer = Issuer(tokens=tokens, sessions=sessions, audit=audit)
    refresh = Refresh(issuer=issuer, sessions=sessions, database=database)
    revocation = Revocation(tokens=tokens, sessions=sessions, audit=audit)
    approvals = Approvals(users=users, organizations=organizations)
    devices = Devices(
        database=database,
        clock=clock,
        audit=audit,
        guard=guard,
        issuer=issuer,
        approvals=approvals,
        polling=Polling(database=database, shared=shared, clock=clock),
        lifetime=settings.device_code_lifetime,
        interval=settings.device_interval,
    )
    login = Login(
        guard=guard,
        admission=admission,
        directory=people.directory,
        passwords=passwords,
        organizations=organizations,
        issuer=issuer,
        audit=audit,
        clock=clock,
        require_verified_email=settings.require_verified_email,
        failure_floor=settings.failure_floor,
    )
    introspector = Introspector(
        tokens=tokens,
        sessions=sessions,
        liveness=liveness,
        api_keys=api_keys,
        users=users,
        organizations=organizations,
        clients=clients,
        audit=audit,
        metrics=metrics,
    )
    authorizations = Authorizations(
        clients=clients,
        database=database,
        audit=audit,
        clock=clock,
        tokens=tokens,
        code_lifetime=settings.authorization_code_lifetime,
    )
    grants = make_grants(
        login=login,
        refresh=refresh,
        devices=devices,
        approvals=approvals,
        issuer=issuer,
        tokens=tokens,
        sessions=sessions,
        liveness=liveness,
        users=users,
        organizations=organizations,
        audit=audit,
        database=database,
        clock=clock,
    )
    consents = Consents(database=database, sessions=sessions, audit=audit)
    token_endpoint = TokenEndpoint(admission=admission, dpop=dpop, grants=grants, metrics=metrics)
    browser = Browser(
        sessions=sessions,
        users=users,
        login=login,
        revocation=revocation,
        guard=guard,
        audit=audit,
        clock=clock,
        form_keys=[derive(key, purpose="forms") for key in secrets],
        vault=Vault(secrets, purpose="ways to directories"),
        issuer=settings.public_url,
        lifetime=settings.browser_session_lifetime,
    )
    housekeeping = Housekeeping(
        database=database,
        clock=clock,
        keys=keys,
        api_keys=api_keys,
        audit=audit,
        registry=people.registry,
        synchronization=people.synchronization,
        rotate_keys_after=settings.key_rotation_interval,
        audit_retention=settings.audit_retention,
    )
    add_gauges(
        metrics,
        pool=pool,
        database=database,
        outbox=outbox,
        keys=keys,
        shared=shared,
        draining=draining,
        clock=clock,
    )
    return Services(
        settings=settings,
        clock=clock,
        metrics=metrics,
        tracing=tracing,
        draining=draining,
        readiness=make_readiness(database, keys, shared, draining, clock, metrics),
        metrics_readers=make_readers(settings, guard),
        database=database,
        shared=shared,
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
            letters=letters,
            audit=audit,
            clock=clock,
            lifetime=settings.invitation_lifetime,
            per_hour=settings.invitations_per_hour,
            url=settings.invitation_url or f"{settings.public_url}/invitation",
        ),
        outbox=outbox,
        recovery=make_recovery(
            settings, database, users, people.registry, outbox, letters, guard, audit, clock
        ),
        provisioning=make_provisioning(
            settings, database, users, sessions, authorization, guard, audit, clock
        ),
        api_keys=api_keys,
        passwords=passwords,
        users=users,
        imports=make_imports(database, users, organizations, passwords, audit, clock),
        own=make_own(login, users, people.registry, audit, clock),
        clients=clients,
        sessions=sessions,
        session_administration=SessionAdministration(
            sessions=sessions, database=database, audit=audit
        ),
        replays=replays,
        dpop=dpop,
        guard=guard,
        registry=people.registry,
        linking=people.linking,
        synchronization=people.synchronization,
        directory_administration=people.administration,
        liveness=liveness,
        authenticate=authenticate,
        admission=admission,
        issuer=issuer,
        refresh=refresh,
        login=login,
        revocation=revocation,
        devices=devices,
        introspector=introspector,
        authorizations=authorizations,
        consents=consents,
        token_endpoint=token_endpoint,
        browser=browser,
        housekeeping=housekeeping,
    )


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Services]:
    """The services for as long as the block lasts."""
    services = wire(settings, clock=clock)
    try:
        yield services
    finally:
        await services.close()
