"""Every page, by what people come for."""

from __future__ import annotations

from starlette.routing import BaseRoute

from vestibule.pages import (
    api_reference,
    authorize,
    device,
    invitation,
    preferences,
    recovery,
    static_files,
    upstream,
)
from vestibule.pages.branding import Brand
from vestibule.pages.language import noop
from vestibule.pages.rendering import Pages
from vestibule.pages.rooms import Room
from vestibule.pages.routes import SignInStep
from vestibule.pages.ways import Ways
from vestibule.routers.account_pages import account_pages
from vestibule.routers.administration_pages import administration_pages
from vestibule.wiring import Services


def page_routes(services: Services) -> list[BaseRoute]:
    """The routes of pages around services that are made already."""
    brand = Brand.of(services.settings)
    pages = Pages(brand)
    ways = Ways(
        registry=services.registry,
        browser=services.browser,
        pages=pages,
        clock=services.clock,
        url=services.settings.public_url,
    )
    sign_in = SignInStep(browser=services.browser, pages=pages, ways=ways)

    def make_room(purpose: str, most_age: int | None, *, administrators: bool = False) -> Room:
        return Room(
            pages=pages,
            browser=services.browser,
            sign_in=sign_in,
            clock=services.clock,
            purpose=purpose,
            administrators=administrators,
            most_age=most_age,
        )

    routers = [
        *account_pages(services, make_room),
        *administration_pages(
            services,
            make_room(
                noop("to administer the service"),
                services.settings.administration_lifetime,
                administrators=True,
            ),
        ),
        preferences.router(pages=pages, browser=services.browser),
        device.router(
            pages=pages,
            browser=services.browser,
            sign_in=sign_in,
            devices=services.devices,
            clients=services.clients,
            organizations=services.organizations,
            audit=services.audit,
            clock=services.clock,
        ),
        authorize.router(
            pages=pages,
            browser=services.browser,
            sign_in=sign_in,
            authorizations=services.authorizations,
            organizations=services.organizations,
            default=services.own.default_organization,
            audit=services.audit,
            clock=services.clock,
        ),
        invitation.router(
            pages=pages,
            browser=services.browser,
            sign_in=sign_in,
            invitations=services.invitations,
        ),
        upstream.router(
            pages=pages,
            browser=services.browser,
            ways=ways,
            linking=services.linking,
            login=services.login,
        ),
        recovery.router(
            pages=pages,
            browser=services.browser,
            recovery=services.recovery,
            audit=services.audit,
        ),
    ]
    reference = api_reference.routes(pages) if services.settings.api_reference else []
    return [
        *(route for router in routers for route in router.routes),
        *static_files.routes(brand),
        *reference,
    ]
