"""Every route of the API, by the concept that it belongs to."""

from __future__ import annotations

from fastapi import APIRouter

from vestibule.apikeys import endpoints as api_keys
from vestibule.devices import endpoints as devices
from vestibule.identity import endpoints as directories
from vestibule.issuing import endpoints as refresh_and_logout
from vestibule.login import (
    endpoints as login,
    linking_endpoints as linking,
    password_endpoints as password,
)
from vestibule.members import endpoints as members, invitation_endpoints as invitations
from vestibule.oauth import consent_endpoints as consents, endpoints as oauth
from vestibule.orgs import (
    endpoints as orgs,
    project_endpoints as projects,
    workspace_endpoints as workspaces,
)
from vestibule.recovery import endpoints as recovery
from vestibule.scim import endpoints as scim, organization_endpoints as provisioning
from vestibule.sessions import endpoints as sessions
from vestibule.status import endpoints as status
from vestibule.storage.database import is_embedded
from vestibule.tokens import endpoints as tokens
from vestibule.users import endpoints as users
from vestibule.wiring import Services


def routers(services: Services) -> list[APIRouter]:
    """The routers around services that are made already."""
    authenticate = services.authenticate
    return [
        # Routers are asked in this order: those first that everybody asks.
        login.router(service=services.login, audit=services.audit, metrics=services.metrics),
        oauth.router(
            token_endpoint=services.token_endpoint,
            introspector=services.introspector,
            revocation=services.revocation,
            devices=services.devices,
            admission=services.admission,
            tokens=services.tokens,
            audit=services.audit,
        ),
        refresh_and_logout.router(
            refresh=services.refresh,
            revocation=services.revocation,
            admission=services.admission,
            authenticate=authenticate,
            audit=services.audit,
            metrics=services.metrics,
        ),
        status.router(
            readiness=services.readiness,
            metrics=services.metrics,
            readers=services.metrics_readers,
            shared=services.shared,
            embedded=is_embedded(services.database.url),
            email_configured=services.outbox.is_configured,
        ),
        tokens.router(keys=services.keys),
        users.router(
            users=services.users,
            organizations=services.organizations,
            authenticate=authenticate,
        ),
        api_keys.router(
            keys=services.api_keys,
            authenticate=authenticate,
            audit=services.audit,
        ),
        orgs.router(administration=services.administration, authenticate=authenticate),
        workspaces.router(workspaces=services.workspaces, authenticate=authenticate),
        projects.router(projects=services.projects, authenticate=authenticate),
        members.router(members=services.members, authenticate=authenticate),
        invitations.router(invitations=services.invitations, authenticate=authenticate),
        password.router(own_password=services.own.password, authenticate=authenticate),
        linking.router(
            registry=services.registry,
            linking=services.linking,
            guard=services.guard,
            users=services.users,
            authenticate=authenticate,
            audit=services.audit,
        ),
        directories.router(
            administration=services.directory_administration, authenticate=authenticate
        ),
        recovery.router(
            recovery=services.recovery, authenticate=authenticate, audit=services.audit
        ),
        provisioning.router(
            administration=services.provisioning.administration, authenticate=authenticate
        ),
        scim.router(services.provisioning.protocol),
        sessions.router(administration=services.session_administration, authenticate=authenticate),
        devices.router(
            devices=services.devices,
            admission=services.admission,
            audit=services.audit,
            metrics=services.metrics,
            issuer=services.tokens.issuer,
        ),
        consents.router(consents=services.consents, authenticate=authenticate),
        oauth.discovery_router(
            tokens=services.tokens,
            users=services.users,
            authenticate=authenticate,
            keys=services.keys,
        ),
    ]
