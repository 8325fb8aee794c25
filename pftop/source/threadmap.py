"""Owns the threads' records as the kernel side keeps them: arrays that are part of our memory too.

To read them takes no system call and no lock, and does not keep any probe from running; hence what is copied is
looked at twice, for a place may pass from one thread to another meanwhile.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pftop.events import Records, SourceError, Threads
from pftop.source import wire
from pftop.source.header import header
from pftop.source.machine import PAGE_BYTES

LEAST_ROWS = 256
HAS_RARE = header().numbers["THREAD_HAS_RARE"]


class SharedArray:
    """A BPF array map as a numpy array, mapped as far as it was ever used: what is mapped counts as our memory."""

    def __init__(self, fd: int, struct: str, capacity: int) -> None:
        """Raises SourceError when the kernel refuses."""
        self._fd, self._type, self._capacity = fd, wire.dtype(struct), capacity
        self._rows = self._map(min(LEAST_ROWS, capacity))

    def _map(self, rows: int) -> Records:
        length = -(-rows * self._type.itemsize // PAGE_BYTES) * PAGE_BYTES
        try:
            memory = mmap.mmap(self._fd, length)
        except OSError as error:
            raise SourceError("mapping a BPF map was refused", str(error), "pftop doctor") from error
        return np.frombuffer(memory, self._type, rows)

    def upto(self, rows: int) -> Records:
        """The first so many rows, as they are and change."""
        if rows > len(self._rows):
            self._rows = self._map(min(1 << (rows - 1).bit_length(), self._capacity))
        return self._rows[:rows]


class ThreadMap:
    """The records of all threads, and which places in their array are free."""

    def __init__(self, lib: Any, fd_of: Callable[[str], int], capacity: int) -> None:
        """``fd_of`` tells a map's descriptor by its name. Frees every place: to be made before any probe counts."""
        self._lib, self._tids, self._places = lib, fd_of("threads"), fd_of("places")
        self._records = SharedArray(fd_of("records"), "thread_record", capacity)
        self._rares = SharedArray(fd_of("rares"), "thread_rare", capacity)
        # as large as the arrays, but only touched pages take memory
        kinds = ("thread_record", "thread_rare")
        self._buffers = [[wire.empty(kind, capacity) for kind in kinds] for _ in range(2)]
        self._turn = 0
        # a stack: the lowest come first, so that those in use lie close together
        self._free(np.arange(capacity)[::-1])

    def _free(self, places: npt.ArrayLike) -> None:
        numbers = np.array(places, np.uint32, ndmin=1)
        first, push = numbers.ctypes.data, self._lib.bpf_update_elem
        for address in range(first, first + numbers.nbytes, numbers.itemsize):
            if push(self._places, None, address, 0) < 0:
                raise SourceError("writing a BPF map failed", f"errno {ctypes.get_errno()}", "pftop doctor")

    def read(self, top: int) -> Threads:
        """Records below place ``top``; they stay as they are until the reading after the next.

        One whose place has passed on by the time its rare part was copied is left out, for that part may be gone,
        too; its last record is in the ring by then.
        """
        self._turn ^= 1
        records, rares = self._buffers[self._turn]
        shared = self._records.upto(top)
        created = shared["created_ns"].copy()
        places = np.flatnonzero(created)
        created = created[places]
        found = np.take(shared, places, out=records[: len(places)], mode="clip")
        having = np.flatnonzero(found["flags"] & HAS_RARE)
        rare = self._rare_parts(places[having], rares)
        steady = shared["created_ns"][places] == created
        # else it is another thread's, or being made
        own = (rare["created_ns"] == created[having]) & steady[having]
        return Threads(found if steady.all() else found.compress(steady), rare if own.all() else rare.compress(own))

    def _rare_parts(self, places: npt.NDArray[np.intp], buffer: Records) -> Records:
        if not len(places):
            return buffer[:0]
        shared = self._rares.upto(int(places[-1]) + 1)
        return np.take(shared, places, out=buffer[: len(places)], mode="clip")

    def remove(self, record: np.void) -> bool:
        """Take a thread's record off, as its end would have; tells whether it was still there."""
        tid, place = ctypes.c_uint32(int(record["tid"])), int(record["place"])
        current = ctypes.c_uint32()
        if self._lib.bpf_lookup_elem(self._tids, ctypes.byref(tid), ctypes.byref(current)) < 0:
            return False
        shared = self._records.upto(place + 1)
        if current.value != place or shared["created_ns"][place] != record["created_ns"]:
            return False
        if self._lib.bpf_delete_elem(self._tids, ctypes.byref(tid)) < 0:
            return False
        shared["created_ns"][place] = 0
        self._free(place)
        return True
