"""What a request asked for, in words of ours: for metrics, traces and logs."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Scope

from vestibule.metrics.children import OTHER
from vestibule.metrics.service import METHODS


def route_of(scope: Scope) -> str | None:
    """The template of the route (`/api/v1/org/{org}`); None where none was found.

    The router notes it in the scope: it is there once the request was answered.
    """
    path: str | None = getattr(scope.get("route"), "path", None)
    return path


@dataclass(frozen=True, slots=True)
class Route:
    """What a layer notes in the scope that answers before the router has seen a request."""

    path: str


def note_route(scope: Scope, route: Route) -> None:
    """Say what was asked for, as the router would have."""
    scope["route"] = route


def named_method(method: str) -> str:
    """The method, or `other` for one that was made up."""
    return method if method in METHODS else OTHER
