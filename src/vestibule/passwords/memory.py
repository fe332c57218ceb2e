"""Memory that a thread keeps for its hashes.

Argon2 jumps about in megabytes. Taken anew for each hash, they are filled with zeros page by page
first; and in pages of 4 KiB most jumps leave what the processor remembers of the page table. Linux
has pages of 2 MiB for who asks for them.
"""

from __future__ import annotations

import ctypes
import mmap
import threading
from contextlib import suppress

HUGE_PAGE = 2 * 1024 * 1024
"""Bytes; huge pages begin at multiples of it."""


class Memory(threading.local):
    """One piece for each thread that asks, as large as it has ever asked for.

    What is done with it must be over before the thread asks again.
    """

    def __init__(self) -> None:
        self._size = 0
        self._pages: mmap.mmap | None = None
        self._address = 0

    def at_least(self, size: int) -> int:
        """Where so many bytes begin. Raises `OSError` or `ValueError` where there are not."""
        if size > self._size:
            self._pages, self._size = None, 0  # first the old one goes
            self._pages = _pages(size)
            begin = ctypes.addressof(ctypes.c_char.from_buffer(self._pages))
            self._address, self._size = begin + -begin % HUGE_PAGE, size
        return self._address


def _pages(size: int) -> mmap.mmap:
    # By default they would be shared with child processes, and such pages are never huge.
    pages = mmap.mmap(-1, size + HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= HUGE_PAGE and hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without them
            pages.madvise(mmap.MADV_HUGEPAGE)
    return pages
