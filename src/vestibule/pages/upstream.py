"""`/login/directory`: where directories send browsers back to."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from vestibule.audit.service import Attempt
from vestibule.errors import AuthenticationFailed
from vestibule.guard.service import Door
from vestibule.http.visit import Visit
from vestibule.identity.directory import Verified
from vestibule.identity.linking import Linking
from vestibule.login.service import Login
from vestibule.pages.browser import Browser
from vestibule.pages.rendering import Pages
from vestibule.pages.routes import PageRouter, see_other
from vestibule.pages.ways import PATH, Ways

MAX_CODE = 2048


def router(
    *, pages: Pages, browser: Browser, ways: Ways, linking: Linking, login: Login
) -> PageRouter:
    """The route that ends a way."""
    routes = PageRouter(pages)

    @routes.page(PATH + "/{directory}/callback")
    async def arrive(request: Request) -> Response:
        asked = request.query_params
        code, state = asked.get("code", ""), asked.get("state", "")
        directory: str = request.path_params["directory"]
        visitor = await browser.visitor(request)
        upstream, approach, back = await ways.arriving(request, visitor, directory, state=state)

        async def identify(_visit: Visit, attempt: Attempt, _door: Door) -> Verified:
            # Without a code the directory has refused, in words that we do not repeat.
            known = None
            if 0 < len(code) <= MAX_CODE:
                known = await upstream.arrived(approach, code=code, issuer=asked.get("iss"))
            if known is None:
                raise AuthenticationFailed(
                    f"{upstream.configuration.name} has not let you in", cause="directory_code"
                )
            user = await linking.signed_in(upstream.configuration, known)
            attempt.user_id = user.id
            login.require_usable(user)
            return Verified(user, upstream.key)

        cookie = await browser.sign_in_by(request, visitor, identify)
        return browser.off_the_way(browser.signed_in(see_other(back), cookie))

    return routes
