"""Owns the user stacks of invalid faults: read by their numbers, and room made for others.

No stack takes another one's place in the map (bpf/log.c), so a number means one stack until the map is emptied. Two
things could still show a fault the stack of another, and are told by when the fault ended. Emptying: the number of a
fault logged before may have been given away after. Reading: the kernel takes a stack off its place while it copies it
(bpf_stackmap_copy in kernel/bpf/stackmap.c), and one that is put there just then is lost.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from pftop.events import Records
from pftop.source.bpfmap import Elements
from pftop.source.header import header

NO_ROOM = (-errno.EEXIST, -errno.ENOMEM)
"""What a stack's number says where another one was in its place, or all places were taken."""
MARGIN_NS = 1_000_000
"""By which a fault's end, as told, may differ from the moment its stack was put away: the clock is converted."""


def boot_clock_ns() -> int:
    """The clock of logged faults."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Stacks:
    """The map of stacks."""

    def __init__(self, lib: Any, fd: int, clock: Callable[[], int] = boot_clock_ns) -> None:
        frames = np.dtype([("ip", "<u8", (header().numbers["PFTOP_STACK_DEPTH"],))])
        self._map, self._clock = Elements(lib, fd, frames), clock
        self._is_full, self._since_ns = False, 0
        self._read: dict[int, tuple[tuple[int, ...], int, int]] = {}
        """By number, and when it was read: from, until."""

    def look(self, events: Records) -> None:
        """Whether there was room for the stacks of logged faults."""
        self._is_full |= any((events["stack_id"] == why).any() for why in NO_ROOM)

    def read(self, number: int, ended_ns: int) -> tuple[int, ...]:
        """Code addresses of a fault that ended then, innermost first; empty where none are surely its."""
        if number < 0 or ended_ns < self._since_ns:
            return ()
        if number in self._read:
            frames, begun, done = self._read[number]
            return () if begun - MARGIN_NS <= ended_ns <= done + MARGIN_NS else frames
        begun = self._clock()
        found = self._map.read(number)
        frames = tuple(ip for ip in found["ip"].tolist() if ip) if found is not None else ()
        self._read[number] = frames, begun, self._clock()
        return frames

    def forget(self) -> None:
        """Make room if there was none: nobody else takes any out, and after a crash loop there would never be one."""
        if not self._is_full:
            return
        self._map.clear(header().numbers["PFTOP_STACKS"])
        self._read.clear()
        self._is_full, self._since_ns = False, self._clock() + MARGIN_NS
