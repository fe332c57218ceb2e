"""A network of the tests' own, as slow and as lossy as they say.

Two network namespaces, each with one end of a road. What goes in at one end comes out at the
other, packet by packet, after a delay, or never. So real TCP of the kernel waits, repeats and
gives up. `tc netem` would do the same, but is not in every kernel.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
OWN_NETWORK = "/proc/thread-self/ns/net"
NEAR, FAR = "10.83.0.1", "10.83.0.2"
"""The addresses of the two ends."""
PACKET = 65_536

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class Road:
    """Both ends, and what happens between them."""

    near: int
    """A file that holds the namespace of those who ask."""
    far: int
    """And of those who answer."""
    ends: tuple[int, int]
    delay: float = 0.0
    """Seconds in each direction."""
    loss: float = 0.0
    """The share of packets that never arrive."""
    carried: int = 0
    lost: int = 0
    _random: random.Random = field(default_factory=lambda: random.Random(1))

    def carry(self, stop: int) -> None:
        """Hand on packets until `stop` can be read."""
        waiting: list[tuple[float, int, int, bytes]] = []
        count = itertools.count()
        others = {self.ends[0]: self.ends[1], self.ends[1]: self.ends[0]}
        while True:
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                _, _, end, packet = heapq.heappop(waiting)
                os.write(end, packet)
                self.carried += 1
            timeout = waiting[0][0] - now if waiting else None
            ready, _, _ = select.select([*self.ends, stop], [], [], timeout)
            if stop in ready:
                return
            for end in ready:
                packet = os.read(end, PACKET)
                if self._random.random() < self.loss:
                    self.lost += 1
                    continue
                due = time.monotonic() + self.delay
                heapq.heappush(waiting, (due, next(count), others[end], packet))


@contextmanager
def within(network: int) -> Iterator[None]:
    """This thread, and what it starts, in that namespace while the block lasts."""
    before = os.open(OWN_NETWORK, os.O_RDONLY)
    try:
        _call("setns", network, CLONE_NEWNET)
        yield
    finally:
        _call("setns", before, CLONE_NEWNET)
        os.close(before)


@contextmanager
def road() -> Iterator[Road]:
    """A quick road without losses, until the test says otherwise. This needs to be root."""
    with ExitStack() as undo:
        near, near_end = _namespace(NEAR, FAR, undo)
        far, far_end = _namespace(FAR, NEAR, undo)
        made = Road(near, far, (near_end, far_end))
        stopped, stop = os.pipe()
        undo.callback(os.close, stopped)
        carrier = threading.Thread(target=made.carry, args=(stopped,))
        carrier.start()
        undo.callback(carrier.join)
        undo.callback(os.close, stop)
        yield made


def _namespace(address: str, peer: str, undo: ExitStack) -> tuple[int, int]:
    """A new namespace with its end of the road: files of both."""
    before = os.open(OWN_NETWORK, os.O_RDONLY)
    try:
        _call("unshare", CLONE_NEWNET)
        made = os.open(OWN_NETWORK, os.O_RDONLY)
        undo.callback(os.close, made)
        end = os.open("/dev/net/tun", os.O_RDWR)
        undo.callback(os.close, end)
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", b"road", IFF_TUN_NO_PI))
        for command in (
            "link set lo up",
            f"addr add {address} peer {peer} dev road",
            "link set road up",
        ):
            subprocess.run(["ip", *command.split()], check=True, timeout=10)
    finally:
        _call("setns", before, CLONE_NEWNET)
        os.close(before)
    return made, end


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)} (run this as root)")
