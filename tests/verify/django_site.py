"""A Django site, asked in both ways; prints what it answered as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from tests.verify.issuer import Holder, Issuer
from tests.world import FakeClock

clock = FakeClock()
issuer = Issuer(clock)
holder = Holder(clock)


def whoami(request: HttpRequest) -> HttpResponse:
    token = getattr(request, "vestibule_token", None)
    return HttpResponse(str(token and token.subject))


async def awhoami(request: HttpRequest) -> HttpResponse:
    return whoami(request)


def admin(request: HttpRequest) -> HttpResponse:
    request.vestibule_token.require_scopes("admin")
    return HttpResponse("admin")


def broken(request: HttpRequest) -> HttpResponse:
    raise LookupError("the view's own")


urlpatterns = [
    path("whoami", whoami),
    path("awhoami", awhoami),
    path("admin", admin),
    path("broken", broken),
    path("health", whoami),
]


def questions() -> dict[str, tuple[str, dict[str, str]]]:
    def bearer(token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}

    bound = issuer.token(cnf=holder.cnf)
    proof = holder.proof(bound, url="http://testserver/whoami")
    dpop = {"Authorization": f"DPoP {bound}", "DPoP": proof}
    return {
        "good": ("/whoami", bearer(issuer.token())),
        "missing": ("/whoami", {}),
        "bad": ("/whoami", bearer(issuer.token(aud="other"))),
        "scope": ("/admin", bearer(issuer.token())),
        "excluded": ("/health", {}),
        "dpop": ("/whoami", dpop),
        "dpop again": ("/whoami", dpop),
        "dpop as bearer": ("/whoami", bearer(bound)),
        "broken": ("/broken", bearer(issuer.token())),
    }


def told(response: Any) -> dict[str, Any]:
    return {
        "status": response.status_code,
        "body": response.content.decode(),
        "challenge": response.headers.get("WWW-Authenticate"),
    }


def ask() -> dict[str, Any]:
    client = Client(raise_request_exception=False)
    return {
        name: told(client.get(address, headers=headers))
        for name, (address, headers) in questions().items()
    }


async def aask() -> dict[str, Any]:
    client = AsyncClient(raise_request_exception=False)
    return {
        name: told(
            await client.get(address.replace("/whoami", "/awhoami"), headers=headers)
            if "dpop" not in name
            else await client.get(address, headers=headers)
        )
        for name, (address, headers) in questions().items()
    }


def from_settings() -> dict[str, Any]:
    from vestibule.verify.django import ProtectMiddleware

    with override_settings(VESTIBULE_VERIFIER=None, VESTIBULE_ISSUER="https://auth.example.org"):
        made = ProtectMiddleware(lambda _request: HttpResponse())
    missing = None
    try:
        with override_settings(VESTIBULE_VERIFIER=None):
            ProtectMiddleware(lambda _request: HttpResponse())
    except AttributeError as error:
        missing = type(error).__name__
    return {"issuer": made._verifier is not None, "missing issuer": missing}


def main() -> None:
    settings.configure(
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="for tests",
        MIDDLEWARE=["vestibule.verify.django.ProtectMiddleware"],
        VESTIBULE_EXCLUDE=["/health"],
        VESTIBULE_VERIFIER=issuer.verifier(),
        LOGGING_CONFIG=None,
    )
    django.setup()
    answers = {"sync": ask(), "async": asyncio.run(aask()), "settings": from_settings()}
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
