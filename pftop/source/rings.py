"""Owns the perf buffers: what the kernel side sends, drained into arrays.

Two kinds of record come by the ring of ended threads and are told apart by their size: a thread's rare part, if it
has one, and right behind it the record itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pftop.events import Batch, Records, SourceError, Threads
from pftop.records import copied, identities, joined
from pftop.source import wire
from pftop.source.corrections import among, corrected
from pftop.source.machine import PAGE_BYTES, suspended_ns
from pftop.source.perf_ring import PerfRings, Waiting, samples
from pftop.source.program import Program
from pftop.source.syscall import SYSCALL_MEMBARRIER, membarrier

LOG_RING_BYTES, RETIRED_RING_BYTES = 1 << 20, 8 << 20
"""All CPUs together, as long as each gets ``LEAST_RING_PAGES``: a burst of ends must outlast a busy reader."""
LEAST_RING_PAGES = 64
WAIT_FOR_RECORD_S = 1.0
CLOCKS_APART_NS = 1_000_000
"""Less than this was never a suspend."""
WAKEUP_SHARE = 4
"""A ring wakes the reader when records for a quarter of it came; else it is read at each step. A reader woken by a
fault mostly starts on the CPU of whoever faulted and makes it wait: a compiler some 0.8 ms each time.
"""


class Rings:
    """The rings of a program: what ended threads leave behind, and logged faults."""

    def __init__(self, program: Program, cpus: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Open both; raises SourceError when the kernel refuses."""
        self._clock = clock
        self._given_up: list[Threads] = []
        self._waiting, self._until = wire.empty("thread_rare"), np.zeros(0)
        """Rare parts without their record, and the time until which it may come."""
        barrier = barrier_of(os.uname().machine)
        self._retired = _opened(program, "retired", ring_pages(RETIRED_RING_BYTES, cpus), "thread_record", barrier)
        self._faults = _opened(program, "faults", ring_pages(LOG_RING_BYTES, cpus), "fault_event", barrier)
        self._filling = Waiting([*program.rings("retired"), *program.rings("faults")])

    def wait(self, timeout_s: float) -> None:
        """Until a ring has enough to wake up for."""
        self._filling.wait(timeout_s)

    def wake(self) -> None:
        """End a wait that is under way, or the next; from any thread."""
        self._filling.wake()

    def close(self) -> None:
        """Let go of them; nothing comes by them any more."""
        self._retired.close()
        self._faults.close()

    def give_up(self, record: np.void, rare: Records) -> None:
        """Hand a record on as if it had come by the ring."""
        self._given_up.append(Threads(np.array(record, ndmin=1), rare))

    def drain(self) -> Batch:
        """All that the rings hold, however little; raises SourceError when something makes no sense."""
        records, rare = _taken(self._retired, "thread_record", "thread_rare")
        (events,) = _taken(self._faults, "fault_event")
        if self._given_up:
            records = joined([*(one.records for one in self._given_up), records])
            rare = joined([*(one.rare for one in self._given_up), rare])
            self._given_up.clear()
        return Batch(Threads(records, self._with_record(rare, records)), by_boot_clock(corrected(events)))

    def _with_record(self, rare: Records, records: Records) -> Records:
        """All there are; one whose record has not come, though it is right behind it, is handed out again then."""
        now = self._clock()
        found = joined([self._waiting, rare])
        until = np.concatenate([self._until, np.full(len(rare), now + WAIT_FOR_RECORD_S)])
        keep = ~among(identities(found), identities(records)) & (until > now)
        self._waiting, self._until = found.compress(keep), until[keep]
        return found


def by_boot_clock(events: Records) -> Records:
    """Logged faults with their time on the clock that all else is told by."""
    # never suspended: the two clocks are one, but for the time it takes to read them
    if not len(events) or (ahead_ns := suspended_ns()) < CLOCKS_APART_NS:
        return events
    events = copied(events)
    events["ts_ns"] += np.uint64(ahead_ns)
    return events


def _opened(program: Program, name: str, pages: int, struct: str, barrier: Callable[[], None]) -> PerfRings:
    wakeup_events = pages * PAGE_BYTES // (WAKEUP_SHARE * wire.dtype(struct).itemsize)
    try:
        # nobody has libbcc read them, so it calls nobody
        program.table(name).open_perf_buffer(_never, page_cnt=pages, lost_cb=_never, wakeup_events=wakeup_events)
    except Exception as error:
        raise SourceError("opening the perf buffer failed", str(error), "pftop doctor") from error
    return PerfRings(program.rings(name), pages, barrier)


def barrier_of(arch: str) -> Callable[[], None]:
    """Keeps what is read from memory in order; x86 does without being told (Intel SDM, volume 3, 9.2.2)."""
    if arch == "x86_64":
        return lambda: None
    try:
        return membarrier(SYSCALL_MEMBARRIER[arch])
    except OSError as error:
        raise SourceError("perf buffers cannot be read in order", f"membarrier: {error}") from error


def _taken(rings: PerfRings, *structs: str) -> list[Records]:
    """What the rings hold of each struct, the longest first: padding adds fewer bytes than they differ by."""
    wanted = [wire.dtype(name).itemsize for name in structs]
    found: list[list[npt.NDArray[np.uint8]]] = [[] for _ in structs]
    for chunk in rings.take():
        for rows in samples(chunk):
            kind = next((at for at, size in enumerate(wanted) if rows.shape[1] >= size), None)
            if kind is None:
                raise SourceError(
                    "a record is too short", f"{rows.shape[1]} bytes, want {wanted[-1]}", "pftop doctor"
                )
            found[kind].append(rows[:, : wanted[kind]])
    return [wire.decode(rows, name) for rows, name in zip(found, structs, strict=True)]


def ring_pages(total_bytes: int, cpus: int) -> int:
    """Pages of one CPU's ring: a power of two, as near below its share as there is."""
    share = max(total_bytes // PAGE_BYTES // max(1, cpus), LEAST_RING_PAGES)
    return 1 << (share.bit_length() - 1)


def _never(*_: Any) -> None:
    """Stands for libbcc's callbacks. What is lost the programs themselves count, exactly."""
