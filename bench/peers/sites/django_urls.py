"""The routes: the OAuth provider, and the cheapest view that there can be."""

from typing import Any

from django.http import HttpResponse
from django.urls import include, path


def health(_request: Any) -> Any:
    return HttpResponse("ok")


urlpatterns = [path("o/", include("oauth2_provider.urls")), path("health", health)]
