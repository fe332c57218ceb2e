"""What a provider wants to be different of a resource (RFC 7644 §3.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from scim2_models import PatchOp, Resource

R = TypeVar("R", bound=Resource[Any])


def replacing(resource: R) -> Callable[[R], R]:
    """Put this one in the place of what is there (§3.5.1)."""

    def change(present: R) -> R:
        resource.replace(present)
        return resource

    return change


def patching(operations: PatchOp[Any]) -> Callable[[R], R]:
    """Change some of what is there (§3.5.2)."""

    def change(present: R) -> R:
        operations.patch(present)
        return present

    return change
