"""`/login/device`: where a person approves a program that has no browser (RFC 8628 §3.3)."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from vestibule.audit.service import Audit
from vestibule.clients.models import Client
from vestibule.clients.service import Clients
from vestibule.clock import Clock, utc
from vestibule.devices.models import DeviceLogin
from vestibule.devices.service import Devices, asked_organization
from vestibule.devices.user_codes import canonical, shown
from vestibule.errors import NotFound
from vestibule.http.forms import read_form
from vestibule.http.networks import network_of
from vestibule.http.visit import visit_of
from vestibule.issuing.entering import Choice, choice_of
from vestibule.issuing.trail import attempt_of
from vestibule.orgs.service import Organizations
from vestibule.pages.browser import Browser, Visitor
from vestibule.pages.language import gettext as _, noop
from vestibule.pages.rendering import Pages
from vestibule.pages.routes import PageRouter, SignInStep, see_other
from vestibule.pages.schemas import PageForm
from vestibule.users.models import User

PATH = "/login/device"
PURPOSE = noop("to let a device sign in")


def router(
    *,
    pages: Pages,
    browser: Browser,
    sign_in: SignInStep,
    devices: Devices,
    clients: Clients,
    organizations: Organizations,
    audit: Audit,
    clock: Clock,
) -> PageRouter:
    """The approval page."""
    routes = PageRouter(pages)
    approval = _Approval(
        pages=pages, browser=browser, devices=devices, clients=clients,
        organizations=organizations, audit=audit, clock=clock,
    )  # fmt: skip

    @routes.page(PATH)
    async def show(request: Request) -> Response:
        code = request.query_params.get("code", "")
        visitor = await browser.visitor(request)
        if visitor.user is None:
            return await sign_in.ask(visitor, purpose=_(PURPOSE))
        return await approval.show(request, visitor, visitor.user, code)

    @routes.page(PATH, "POST")
    async def act(request: Request) -> Response:
        code = request.query_params.get("code", "")
        visitor = await browser.visitor(request)
        back = f"{PATH}?code={quote(code)}" if code else PATH
        form = await read_form(request, PageForm)
        if form.action == "sign_in":
            return await sign_in.take(request, visitor, purpose=_(PURPOSE), back=back)
        if visitor.user is None or visitor.session is None:
            return see_other(back)
        if form.action == "sign_out":
            return await sign_in.sign_out(request, visitor, form, back=back)
        return await approval.decide(request, visitor, visitor.user, code, form)

    return routes


class _Approval:
    """What is shown, and what a deliberate yes does."""

    def __init__(
        self,
        *,
        pages: Pages,
        browser: Browser,
        devices: Devices,
        clients: Clients,
        organizations: Organizations,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._pages = pages
        self._browser = browser
        self._devices = devices
        self._clients = clients
        self._organizations = organizations
        self._audit = audit
        self._clock = clock

    async def show(self, request: Request, visitor: Visitor, user: User, code: str) -> Response:
        """The form for a code, or what a code stands for."""
        visit = visit_of(request)
        sign_out_token = self._browser.form_token(visitor, "sign_out")
        if not code:
            return self._enter(user, sign_out_token)
        attempt = attempt_of(visit, "device_approve")
        attempt.user_id = user.id
        try:
            async with self._audit.following(attempt):
                login = await self._devices.to_approve(code, user=user, network=visit.network)
        except NotFound as error:
            return self._enter(user, sign_out_token, code=code, error=f"{_(error.detail)}.")
        client = await self._clients.find(login.client_id)
        if client is None:
            raise NotFound("This client is not known")
        choice = await self._choice(client, user, login, visitor)
        return self._pages.page(
            "device.html",
            user=user,
            client=client,
            code=shown(login.user_code),
            network_address=login.address,
            elsewhere=network_of(login.address) != visit.network,
            user_agent=login.user_agent,
            started=login.created_at,
            minutes=int((utc(self._clock) - login.created_at).total_seconds() // 60),
            scopes=[scope for scope in login.scope.split() if not scope.startswith("org:")],
            memberships=choice.possible,
            chosen=choice.meant,
            form_token=self._browser.form_token(visitor, f"device {login.user_code}"),
            sign_out_token=sign_out_token,
        )

    async def decide(
        self, request: Request, visitor: Visitor, user: User, code: str, form: PageForm
    ) -> Response:
        """Approve or refuse what was shown before."""
        visit = visit_of(request)
        user_code = canonical(code) or ""
        # The token is of the page that has shown this very code, so this is no way to guess.
        self._browser.require_own_form(
            request, visitor, token=form.form_token, purpose=f"device {user_code}"
        )
        assert visitor.session is not None
        attempt = attempt_of(visit, "device_approve")
        attempt.user_id = user.id
        approved = form.action == "approve"
        async with self._audit.following(attempt):
            login = await self._devices.waiting(user_code)
            client = await self._clients.find(login.client_id)
            if client is None:
                raise NotFound("This client is not known")
            chosen = (await self._choice(client, user, login, visitor)).picked(form.org)
            await self._devices.decide(
                login,
                approved=approved,
                user=user,
                membership=chosen if approved else None,
                auth_time=visitor.session.auth_time,
                directory=visitor.directory,
                attempt=attempt,
            )
        return self._pages.page("device_done.html", client=client, approved=approved)

    async def _choice(
        self, client: Client, user: User, login: DeviceLogin, visitor: Visitor
    ) -> Choice:
        memberships = await self._organizations.memberships_of(user.id)
        key = asked_organization(login)
        return choice_of(client, user, memberships, key, directory=visitor.directory)

    def _enter(
        self, user: User, sign_out_token: str, *, code: str = "", error: str = ""
    ) -> Response:
        return self._pages.page(
            "device_code.html",
            status=404 if error else 200,
            user=user,
            code=code[:20],
            error=error,
            sign_out_token=sign_out_token,
        )
