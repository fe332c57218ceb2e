"""Talking to the issuer: JSON only, bounded in size and time, no redirects, TLS by default."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from vestibule.verify import jose

T = TypeVar("T")

MAX_DOCUMENT = 256 * 1024
"""Bytes of an answer that are read."""

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}


class FetchFailed(Exception):
    """No usable answer came."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request to the issuer."""

    url: str
    form: Mapping[str, str] | None = None
    """What is posted; None to get."""
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON object, and the header fields that came with it."""

    body: dict[str, Any]
    headers: httpx.Headers


Asker = Generator[Question, Answer, T]
"""A course of questions that knows nothing of threads and loops, and what comes of it."""


def check_url(url: str, *, allow_http: bool) -> str:
    """The same URL. Raises `ValueError` for one whose answers anybody on the way could forge."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in ("https", "http") or parts.fragment:
        raise ValueError(f"{url!r} is no http or https URL")
    if parts.scheme == "http" and not allow_http and parts.hostname not in _LOCAL:
        raise ValueError(f"{url!r} is not https: keys that come over plain HTTP prove nothing")
    return url


class Http:
    """The two clients, made when they are first needed, or handed over."""

    def __init__(
        self,
        *,
        client: httpx.Client | None,
        async_client: httpx.AsyncClient | None,
        timeout: float,
        allow_http: bool,
    ) -> None:
        self._client = client
        self._async_client = async_client
        self._given = (client is not None, async_client is not None)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timeout = timeout
        self._allow_http = allow_http

    def run(self, asker: Asker[T]) -> T:
        """Ask all of it, and wait. Raises `FetchFailed`."""
        try:
            question = next(asker)
            while True:
                question = asker.send(self._ask(question))
        except StopIteration as end:
            result: T = end.value
            return result

    async def arun(self, asker: Asker[T]) -> T:
        """The same on an event loop."""
        try:
            question = next(asker)
            while True:
                question = asker.send(await self._aask(question))
        except StopIteration as end:
            result: T = end.value
            return result

    def close(self) -> None:
        """Let go of the connections that threads used."""
        if self._client is not None and not self._given[0]:
            self._client.close()
            self._client = None

    async def aclose(self) -> None:
        """Let go of all connections."""
        self.close()
        if self._async_client is not None and not self._given[1]:
            client, self._async_client = self._async_client, None
            await client.aclose()

    def _ask(self, question: Question) -> Answer:
        if self._client is None:
            self._client = httpx.Client(timeout=self._timeout)
        collected = _Collected(self._timeout)
        try:
            with self._client.stream(**self._arguments(question)) as response:
                collected.check(response)
                for chunk in response.iter_bytes():
                    collected.add(chunk)
            return collected.answer(response)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RuntimeError) as error:
            raise FetchFailed(type(error).__name__) from error

    async def _aask(self, question: Question) -> Answer:
        collected = _Collected(self._timeout)
        try:
            async with (
                asyncio.timeout(2 * self._timeout),
                self._asynchronous().stream(**self._arguments(question)) as response,
            ):
                collected.check(response)
                async for chunk in response.aiter_bytes():
                    collected.add(chunk)
            return collected.answer(response)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RuntimeError, TimeoutError) as error:
            raise FetchFailed(type(error).__name__) from error

    def _asynchronous(self) -> httpx.AsyncClient:
        # Connections belong to the loop that opened them.
        loop = asyncio.get_running_loop()
        if self._async_client is None or (not self._given[1] and self._loop is not loop):
            self._async_client = httpx.AsyncClient(timeout=self._timeout)
            self._loop = loop
        return self._async_client

    def _arguments(self, question: Question) -> dict[str, Any]:
        return {
            "method": "GET" if question.form is None else "POST",
            "url": check_url(question.url, allow_http=self._allow_http),
            "data": question.form,
            "headers": {**_HEADERS, **(question.headers or {})},
            "follow_redirects": False,
        }


class _Collected:
    """A body as it comes in. Raises `FetchFailed` when it is too large, or takes too long."""

    def __init__(self, seconds: float) -> None:
        self._content = bytearray()
        self._deadline = time.monotonic() + 2 * seconds

    def check(self, response: httpx.Response) -> None:
        if response.status_code != 200:
            raise FetchFailed(f"status {response.status_code}")
        # Compressed, a small answer could become a huge one.
        if response.headers.get("content-encoding", "identity") != "identity":
            raise FetchFailed("the answer is compressed, which was not asked for")

    def add(self, chunk: bytes) -> None:
        self._content += chunk
        if len(self._content) > MAX_DOCUMENT or time.monotonic() > self._deadline:
            raise FetchFailed("the answer is too large or too slow")

    def answer(self, response: httpx.Response) -> Answer:
        return Answer(jose.parse(bytes(self._content)), response.headers)
