"""Owns the perf buffers: what the kernel side sends, drained into arrays.

Two kinds of record come by the ring of ended threads and are told apart by their size: a thread's rare part, if it
has one, and right behind it the record itself.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pftop.events import Batch, Records, SourceError, Threads
from pftop.records import identities
from pftop.source import wire
from pftop.source.corrections import among, corrected
from pftop.source.machine import PAGE_BYTES
from pftop.source.program import Program

LOG_RING_BYTES, RETIRED_RING_BYTES = 1 << 20, 8 << 20
"""All CPUs together, as long as each gets ``LEAST_RING_PAGES``: a burst of ends must outlast a busy reader."""
LEAST_RING_PAGES = 64
WAIT_FOR_RECORD_S = 1.0
WAKEUP_SHARE = 4
"""A ring wakes the reader when records for a quarter of it came; else it is read at each step. A reader woken by a
fault mostly starts on the CPU of whoever faulted and makes it wait: a compiler some 0.8 ms each time.
"""


class Rings:
    """The rings of a program; what callbacks copy out of them waits here for the next ``drain``."""

    def __init__(self, program: Program, cpus: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Open both; raises SourceError when the kernel refuses."""
        self._bpf, self._clock = program.bpf, clock
        self._chunks: dict[str, list[bytes]] = {name: [] for name in ("fault_event", "thread_record", "thread_rare")}
        self._waiting: list[tuple[float, bytes]] = []
        """Rare parts without their record, with the time until which it may come."""
        self._failure: SourceError | None = None
        for table, structs, total in (
            ("faults", ("fault_event",), LOG_RING_BYTES),
            ("retired", ("thread_record", "thread_rare"), RETIRED_RING_BYTES),
        ):
            pages = ring_pages(total, cpus)
            try:
                program.table(table).open_perf_buffer(
                    self._receiver(structs),
                    page_cnt=pages,
                    lost_cb=_ignore_lost,
                    wakeup_events=pages * PAGE_BYTES // (WAKEUP_SHARE * wire.dtype(structs[0]).itemsize),
                )
            except Exception as error:
                raise SourceError("opening the perf buffer failed", str(error), "pftop doctor") from error

    def _receiver(self, structs: Sequence[str]) -> Callable[[int, int, int], None]:
        """The callback libbcc runs a record: copies it out of the ring and must never raise."""
        copy = ctypes.string_at
        kinds = [(wire.dtype(name).itemsize, self._chunks[name].append) for name in structs]

        def receive(_cpu: int, data: int, length: int) -> None:
            # the ring pads what it carries by a few bytes, fewer than these sizes differ by
            for size, append in kinds:
                if length >= size:
                    append(copy(data, size))
                    return
            self._failure = SourceError("a record is too short", f"{length} bytes, want {size}", "pftop doctor")

        return receive

    def wait(self, timeout_s: float) -> None:
        """Until a ring has enough to wake up for."""
        self._bpf.perf_buffer_poll(max(0, int(timeout_s * 1000)))

    def consume(self) -> None:
        """Take all that the rings hold, however little."""
        self._bpf.perf_buffer_consume()

    def give_up(self, record: np.void, rare: Records) -> None:
        """Hand a record on as if it had come by the ring."""
        self._chunks["thread_rare"].extend(part.tobytes() for part in rare)
        self._chunks["thread_record"].append(record.tobytes())

    def drain(self) -> Batch:
        """All that was copied out since the last call; raises SourceError when something made no sense."""
        if self._failure is not None:
            raise self._failure
        finals, events = self._chunks["thread_record"], self._chunks["fault_event"]
        records = wire.decode(finals, "thread_record")
        batch = Batch(Threads(records, self._rare_parts(records)), corrected(wire.decode(events, "fault_event")))
        # in place: the callbacks hold these very lists
        finals.clear()
        events.clear()
        return batch

    def _rare_parts(self, records: Records) -> Records:
        """All there are; one whose record has not come, though it is right behind it, is handed out again then."""
        now, chunks = self._clock(), self._chunks["thread_rare"]
        parts = [*self._waiting, *((now + WAIT_FOR_RECORD_S, chunk) for chunk in chunks)]
        chunks.clear()
        if not parts:
            return wire.empty("thread_rare")
        found = wire.decode([chunk for _, chunk in parts], "thread_rare")
        alone = ~among(identities(found), identities(records))
        self._waiting = [parts[at] for at in np.flatnonzero(alone).tolist() if parts[at][0] > now]
        return found


def ring_pages(total_bytes: int, cpus: int) -> int:
    """Pages of one CPU's ring: a power of two, as near below its share as there is."""
    share = max(total_bytes // PAGE_BYTES // max(1, cpus), LEAST_RING_PAGES)
    return 1 << (share.bit_length() - 1)


def _ignore_lost(_count: Any) -> None:
    """Loss is counted by the programs themselves, exactly; libbcc would print without this."""
