"""What instances tell one another at once: that something which others keep has changed.

Nothing hangs on it: who misses a message finds out by asking, as it did without Redis, only later.
So a message says what to ask for anew, and never what the answer is.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.client import PubSub

from vestibule import logs
from vestibule.state.clients import WAITS
from vestibule.state.ending import end
from vestibule.state.flights import AWAY

CHANNEL = "vestibule:news"
SILENCE = 10.0
"""Seconds without a message after which the connection is asked whether it is still there."""
FIRST_PAUSE, LAST_PAUSE = 0.1, 5.0
MAX_MESSAGE = 300
MAX_TELLING = 4
"""At the same moment: each takes a connection."""

Handler = Callable[[str], None]
"""Called with what follows the topic; "" where messages may have been missed."""


class News:
    """Tells, and listens."""

    def __init__(self, *, timeout: float) -> None:
        """`timeout` in seconds for what is told."""
        self._timeout = timeout
        self._client: Redis | RedisCluster | None = None
        self._handlers: dict[str, Handler] = {}
        self._listening: asyncio.Task[None] | None = None
        self._telling = asyncio.Semaphore(MAX_TELLING)
        self.heard = asyncio.Event()
        """Set while the channel is listened to."""
        self._log = logs.get("state")

    def connect(self, client: Redis | RedisCluster) -> None:
        """Where to tell and to listen; without, nobody is told anything."""
        self._client = client

    def on(self, topic: str, handler: Handler) -> None:
        """Have the handler called for each message of a topic, from this instance too."""
        self._handlers[topic] = handler

    async def tell(self, topic: str, rest: str = "") -> None:
        """Tell every instance that listens. What can't be told is said in the log, no more."""
        if self._client is None:
            return
        try:
            async with asyncio.timeout(self._timeout), self._telling:
                await self._client.execute_command("PUBLISH", CHANNEL, f"{topic} {rest}".strip())
        except Exception as error:
            # Whatever it is: what is told of is done, and must not fail for it.
            self._log.warning("instances not told", topic=topic, error=type(error).__name__)

    def start(self) -> None:
        """Listen from now on."""
        if self._client is not None and self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def close(self) -> None:
        """Listen no longer."""
        if self._listening is not None:
            await end(self._listening)

    async def _listen(self) -> None:
        pause = FIRST_PAUSE
        while True:
            pubsub: PubSub | None = None
            try:
                async with asyncio.timeout(WAITS * self._timeout):
                    pubsub = await self._pubsub()
                    await pubsub.subscribe(CHANNEL)
                pause = FIRST_PAUSE
                self._missed()
                await self._hear(pubsub)
            except Exception as error:
                # That Redis is away is said by those who can't do without. Whatever else it is:
                # who would listen again?
                self.heard.clear()
                if not isinstance(error, AWAY):
                    self._log.error("not listening", error=type(error).__name__)
            finally:
                if pubsub is not None:
                    with contextlib.suppress(Exception):
                        await pubsub.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(pause * 2, LAST_PAUSE)

    async def _pubsub(self) -> PubSub:
        client = self._client
        assert client is not None
        if isinstance(client, RedisCluster):
            await client.initialize()  # until then it knows no node
            # Each of them hears what is told to any. One that is lost is not asked for ever.
            return client.pubsub(node=client.get_random_node())
        return client.pubsub()

    async def _hear(self, pubsub: PubSub) -> None:
        silent = False
        while True:
            message = await pubsub.get_message(timeout=SILENCE)
            if message is not None:
                silent = False
                self._take(message)
            elif silent:
                raise TimeoutError
            else:
                silent = True
                await pubsub.ping()

    def _take(self, message: dict[str, object]) -> None:
        data = message["data"]
        if message["type"] == "subscribe":
            self.heard.set()
        if message["type"] != "message" or not isinstance(data, bytes) or len(data) > MAX_MESSAGE:
            return
        topic, _, rest = data.decode("utf-8", "replace").partition(" ")
        handler = self._handlers.get(topic)
        if handler is not None:
            handler(rest)

    def _missed(self) -> None:
        for handler in self._handlers.values():
            handler("")
