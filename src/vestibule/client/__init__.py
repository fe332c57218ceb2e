"""The SDK: sign in, and call the service with tokens that refresh themselves.

It needs httpx (extra `client`) and nothing of the server. `Client` is for threads, `AsyncClient`
for asyncio, both with the same names.
"""

from __future__ import annotations

from vestibule.client import errors
from vestibule.client.aio import AsyncClient, AsyncSession
from vestibule.client.errors import *  # noqa: F403  (its __all__ is generated)
from vestibule.client.failures import (
    InsecureAddress,
    ServiceUnavailable,
    SignInNeeded,
    StoreFailed,
    VestibuleError,
    WrongField,
)
from vestibule.client.records import DeviceCode, OrgInfo
from vestibule.client.secret import Secret
from vestibule.client.stores import FileStore, KeyringStore, MemoryStore, TokenStore
from vestibule.client.sync import Client, Session

__all__ = [
    "AsyncClient",
    "AsyncSession",
    "Client",
    "DeviceCode",
    "FileStore",
    "InsecureAddress",
    "KeyringStore",
    "MemoryStore",
    "OrgInfo",
    "Secret",
    "ServiceUnavailable",
    "Session",
    "SignInNeeded",
    "StoreFailed",
    "TokenStore",
    "VestibuleError",
    "WrongField",
    "errors",
]
__all__ += errors.__all__
