"""The pages of people's own accounts and organizations."""

from __future__ import annotations

from collections.abc import Callable

from vestibule.orgs.trail import OrganizationTrail
from vestibule.pages.account import (
    activity,
    keys,
    organizations,
    password,
    profile,
    programs,
    sessions,
)
from vestibule.pages.language import noop
from vestibule.pages.organization import (
    activity as organization_activity,
    invitations,
    members,
    overview,
    provisioning,
)
from vestibule.pages.organization.standing import Standings
from vestibule.pages.rooms import Room
from vestibule.pages.routes import PageRouter
from vestibule.wiring import Services

MakeRoom = Callable[[str, int | None], Room]
"""A room of what people sign in for, and the most age of the sign-in in seconds."""


def account_pages(services: Services, make_room: MakeRoom) -> list[PageRouter]:
    """Their routers."""
    room = make_room(noop("to see your account"), None)
    inside = make_room(noop("to see your organization"), None)
    # A key outlasts the sign-in: whoever finds an open browser should not make one.
    lately = services.settings.administration_lifetime
    fresh = make_room(noop("to make an API key"), lately)
    connecting = make_room(noop("to make a token for an identity provider"), lately)
    clients, of_people = services.clients, services.organizations
    standings = Standings(administration=services.administration, organizations=of_people)
    return [
        profile.router(
            room=room,
            profile=services.own.profile,
            registry=services.registry,
            recovery=services.recovery,
            sends_mail=services.outbox.is_configured,
        ),
        password.router(room=room, own_password=services.own.password, registry=services.registry),
        sessions.router(room=room, administration=services.session_administration, clients=clients),
        keys.router(
            room=room,
            fresh=fresh,
            keys=services.api_keys,
            organizations=of_people,
            audit=services.audit,
            clock=services.clock,
        ),
        organizations.router(
            room=room,
            organizations=of_people,
            members=services.members,
            default=services.own.default_organization,
        ),
        programs.router(
            room=room, consents=services.consents, clients=clients, organizations=of_people
        ),
        activity.router(room=room, audit=services.audit, clients=clients, organizations=of_people),
        overview.router(room=inside, administration=services.administration, standings=standings),
        members.router(
            room=inside,
            members=services.members,
            administration=services.administration,
            standings=standings,
        ),
        provisioning.router(
            room=inside,
            fresh=connecting,
            administration=services.provisioning.administration,
            standings=standings,
            base=services.provisioning.base,
            clock=services.clock,
        ),
        organization_activity.router(
            room=inside,
            trail=OrganizationTrail(administration=services.administration, audit=services.audit),
            users=services.users,
            clients=clients,
            standings=standings,
        ),
        invitations.router(room=inside, invitations=services.invitations, standings=standings),
    ]
