"""Owns the perf ring buffers as they lie in memory: what came since the last time, as rows of bytes.

libbcc opens them. It would read them, too, by a call of Python a record, which costs as much as all else that is done
about a logged fault; here as many as are of one size are one array. The protocol is that of perf_event_open(2): the
kernel moves ``data_head`` past what it has written, the reader ``data_tail`` past what it has read.
"""

from __future__ import annotations

import ctypes
import errno
import math
import mmap
import os
import select
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pftop.events import SourceError
from pftop.source.machine import PAGE_BYTES

Bytes = npt.NDArray[np.uint8]
WORD = 8
DATA_HEAD, DATA_TAIL, DATA_SIZE = 1024 // WORD, 1032 // WORD, 1048 // WORD
"""Of ``struct perf_event_mmap_page``, in words."""
RECORD_SAMPLE = 9
RAW_AT = WORD + 4
"""Where a sample's own bytes begin: after its header, one word of ``type``, ``misc`` and ``size``, and their number.
What pads them is counted with them."""
RUN = 256
"""Records looked at together."""


class PerfRings:
    """All CPUs' rings of one kind."""

    def __init__(self, descriptors: Sequence[int], pages: int, barrier: Callable[[], None]) -> None:
        """Map each; raises SourceError when the kernel refuses."""
        self._barrier = barrier
        self._memory = [_mapped(fd, (1 + pages) * PAGE_BYTES) for fd in descriptors]
        self._positions = [memoryview(memory).cast("Q") for memory in self._memory]
        self._data: list[Bytes] = [np.frombuffer(memory, np.uint8, offset=PAGE_BYTES) for memory in self._memory]
        if not descriptors:
            raise SourceError("a perf buffer was opened on no CPU at all", "no reader of libbcc's is known")
        for positions in self._positions:
            if positions[DATA_SIZE] != pages * PAGE_BYTES:
                raise SourceError("a perf buffer is not of the size asked for", f"{positions[DATA_SIZE]} bytes")

    def take(self) -> list[Bytes]:
        """What each ring holds, in whole records, and room for as much again."""
        heads = [positions[DATA_HEAD] for positions in self._positions]
        filled = [at for at, head in enumerate(heads) if head != self._positions[at][DATA_TAIL]]
        if not filled:
            return []
        # the records were written before the position was, and must be read before the other is moved
        self._barrier()
        found = [_between(self._data[at], self._positions[at][DATA_TAIL], heads[at]) for at in filled]
        self._barrier()
        for at in filled:
            self._positions[at][DATA_TAIL] = heads[at]
        return found

    def close(self) -> None:
        """Let go of them: a mapping keeps the ring."""
        self._data.clear()
        for positions in self._positions:
            positions.release()
        self._positions.clear()
        for memory in self._memory:
            memory.close()
        self._memory.clear()


def _mapped(fd: int, length: int) -> mmap.mmap:
    try:
        return mmap.mmap(fd, length)
    except OSError as error:
        raise SourceError("mapping a perf buffer was refused", str(error), "pftop doctor") from error


def _between(data: Bytes, tail: int, head: int) -> Bytes:
    """A copy of what lies between two positions; both only grow, and are taken modulo the size."""
    start, length = tail % len(data), head - tail
    if start + length <= len(data):
        return data[start : start + length].copy()
    return np.concatenate([data[start:], data[: start + length - len(data)]])


def samples(records: Bytes) -> Iterator[npt.NDArray[np.uint8]]:
    """The samples' own bytes, in order: of as many as follow one another and are of one size, a row each.

    Raises SourceError on what cannot be a record.
    """
    words = records.view(np.uint64)
    headers = words.data
    at, end = 0, len(headers)
    while at < end:
        header = headers[at]
        kind, size = header & 0xFFFFFFFF, header >> 48
        step = size // WORD
        if size < RAW_AT or size % WORD or at + step > end:
            raise SourceError("a perf buffer holds no record where one begins", f"type {kind}, {size} bytes")
        count = 1
        # most often it is alone, or one of hundreds
        if at + step < end and headers[at + step] == header:
            others = np.flatnonzero(words[at : at + RUN * step : step] != header)
            count = int(others[0]) if len(others) else min(RUN, (end - at) // step)
        if kind == RECORD_SAMPLE:
            yield records[at * WORD : (at + count * step) * WORD].reshape(count, size)[:, RAW_AT:]
        at += count * step


class Waiting:
    """Waits until one of some descriptors has something to read, or somebody wants the wait to end.

    By poll(2) itself: Python's goes on waiting after a signal, which here is somebody's wish to end.
    """

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._asked = np.zeros(len(descriptors) + 1, np.dtype([("fd", "<i4"), ("events", "<i2"), ("revents", "<i2")]))
        self._wish = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Never closed: who wakes may be any thread, however late."""
        self._asked["fd"], self._asked["events"] = [*descriptors, self._wish], select.POLLIN
        self._poll = ctypes.CDLL(None, use_errno=True).poll

    def wait(self, timeout_s: float) -> None:
        """At most so long, and no longer than until the next signal; raises SourceError when the kernel refuses."""
        # not the whole milliseconds below: what is due then would not be due yet
        asked, timeout_ms = self._asked, math.ceil(max(0.0, timeout_s) * 1000)
        found = self._poll(ctypes.c_void_p(asked.ctypes.data), ctypes.c_ulong(len(asked)), ctypes.c_int(timeout_ms))
        if found < 0 and (code := ctypes.get_errno()) != errno.EINTR:
            raise SourceError("waiting for the perf buffers failed", f"poll: {os.strerror(code)}")
        if found > 0 and asked["revents"][-1]:
            os.eventfd_read(self._wish)

    def wake(self) -> None:
        """End a wait that is under way, or the next; from any thread."""
        os.eventfd_write(self._wish, 1)
