"""Django: a middleware that lets only verified tokens in, for WSGI and ASGI.

    MIDDLEWARE = [..., "vestibule.verify.django.ProtectMiddleware"]
    VESTIBULE_ISSUER = "https://auth.example.org"

The token is `request.vestibule_token`; `request.vestibule_token.require_scopes(…)` in a view is
answered with 403.

| setting | |
|---|---|
| `VESTIBULE_ISSUER` | the issuer's URL |
| `VESTIBULE_AUDIENCE` | what tokens are for; by default the issuer |
| `VESTIBULE_EXCLUDE` | paths that need no token; one with `/` at its end means all below it |
| `VESTIBULE_BASE_URL` | what clients call, where a proxy stands before us: DPoP proofs name it |
| `VESTIBULE_INTROSPECTION` | an `IntrospectionOptions` |
| `VESTIBULE_VERIFIER` | a `Verifier` made by hand, in place of issuer, audience, introspection |
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from vestibule.verify.errors import VerifyError
from vestibule.verify.request import (
    Asked,
    Excluded,
    aauthenticate,
    authenticate,
    from_outside,
    refusal,
)
from vestibule.verify.verifier import Verifier


class ProtectMiddleware:
    """Protects all views, but for excluded paths."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._verifier = _verifier()
        self._excluded = Excluded(getattr(settings, "VESTIBULE_EXCLUDE", ()))
        self._base_url: str | None = getattr(settings, "VESTIBULE_BASE_URL", None)
        self._async = bool(iscoroutinefunction(get_response))
        if self._async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Handle one request."""
        if self._async:
            return self._acall(request)
        if request.path not in self._excluded:
            try:
                request.vestibule_token = authenticate(self._verifier, self._asked(request))
            except VerifyError as error:
                return self.process_exception(request, error)
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer what a view raises because of its token."""
        if not isinstance(error, VerifyError):
            return None
        status, fields, body = refusal(error, scheme=self._asked(request).scheme)
        return HttpResponse(body, status=status, headers=fields)

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        if request.path not in self._excluded:
            try:
                request.vestibule_token = await aauthenticate(self._verifier, self._asked(request))
            except VerifyError as error:
                return self.process_exception(request, error)
        return await self._get_response(request)

    def _asked(self, request: HttpRequest) -> Asked:
        def field(name: str) -> list[str]:
            # Sent twice they stand joined by commas, which no credential contains.
            value = request.META.get(f"HTTP_{name}")
            return [] if value is None else [str(value)]

        return Asked(
            method=str(request.method),
            url=from_outside(_url(request, self._base_url), base_url=self._base_url),
            authorization=field("AUTHORIZATION"),
            dpop=field("DPOP"),
            api_key=field("X_API_KEY"),
        )


def _url(request: HttpRequest, base_url: str | None) -> str:
    # The host may be one that Django refuses to name; with a base URL nobody need ask.
    return str(request.path if base_url else request.build_absolute_uri())


def _verifier() -> Verifier:
    made: Verifier | None = getattr(settings, "VESTIBULE_VERIFIER", None)
    return made or Verifier(
        issuer=settings.VESTIBULE_ISSUER,
        audience=getattr(settings, "VESTIBULE_AUDIENCE", None),
        introspection=getattr(settings, "VESTIBULE_INTROSPECTION", None),
    )
