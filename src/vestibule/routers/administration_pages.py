"""The pages of administration, around services that are made already."""

from __future__ import annotations

from vestibule.access.trail import Trail
from vestibule.clients.administration import ClientAdministration
from vestibule.pages.administration import (
    clients,
    directories,
    keys,
    organizations,
    overview,
    people,
    person,
    trail,
    uploads,
)
from vestibule.pages.rooms import Room
from vestibule.pages.routes import PageRouter
from vestibule.tokens.administration import KeyAdministration
from vestibule.users.administration import UserAdministration
from vestibule.wiring import Services


def administration_pages(services: Services, room: Room) -> list[PageRouter]:
    """The routes of a room that only administrators of the service enter."""
    audit = services.audit
    accounts = UserAdministration(users=services.users, audit=audit)
    sends_mail = services.outbox.is_configured
    return [
        overview.router(
            room=room,
            history=services.metrics.history,
            pool=services.pool,
            outbox=services.outbox,
            shared=services.shared,
            directories=services.directory_administration,
        ),
        uploads.router(room=room, imports=services.imports),
        people.router(
            room=room, people=accounts, recovery=services.recovery, sends_mail=sends_mail
        ),
        person.router(
            room=room,
            people=accounts,
            organizations=services.organizations,
            sessions=services.session_administration,
            directories=services.directory_administration,
            recovery=services.recovery,
            sends_mail=sends_mail,
        ),
        organizations.router(
            room=room,
            organizations=services.organizations,
            administration=services.administration,
        ),
        clients.router(
            room=room, clients=ClientAdministration(clients=services.clients, audit=audit)
        ),
        directories.router(room=room, directories=services.directory_administration),
        keys.router(
            room=room,
            keys=KeyAdministration(keys=services.keys, audit=audit),
            clock=services.clock,
        ),
        trail.router(room=room, trail=Trail(audit), users=services.users),
    ]
