"""Owns the drill-down's numbers: one process's histograms, and its faults by mapping from counted pages."""

from __future__ import annotations

import numpy as np

from pftop.events import Identity, ProcessKey, Records
from pftop.mappings import Mappings, MemoryMapping
from pftop.model.book import SUM
from pftop.model.histogram import BUCKETS, summarise
from pftop.model.process import Extremes, Process
from pftop.model.shelf import Matrix
from pftop.model.snapshot import Latency, MappingRow, ProcessDetail

PAGE_SHIFT = 12
NO_BUCKETS = (0,) * BUCKETS


class MappingCounts:
    """Faults of the focused process by mapping, since it was focused.

    A mapping is known by its start, rights and name: the heap and stacks grow and stay the same.
    """

    def __init__(self, key: ProcessKey, since_ns: int) -> None:
        self.key, self.since_ns = key, since_ns
        self._counts: dict[tuple[int, str, str], list[int]] = {}
        self._mappings: dict[tuple[int, str, str], MemoryMapping | None] = {}
        self._start: Matrix | None = None
        self._placed = 0

    def add(self, pages: Records, mappings: Mappings) -> None:
        """Book one interval's pages (members page, minor, major, latency_sum_ns)."""
        if not len(pages):
            return
        at, inside = mappings.place(pages["page"] << PAGE_SHIFT)
        at[~inside] = -1
        for index in sorted(set(at.tolist())):
            chosen = pages[at == index]
            mapping = mappings[index] if index >= 0 else None
            key = _name(mapping) if mapping else (-1, "", "")
            counts = self._counts.setdefault(key, [0, 0, 0])
            self._mappings[key] = mapping
            # signed: what a page was given in one reading may be taken back in the next
            for place, name in enumerate(("minor", "major", "latency_sum_ns")):
                counts[place] += int(chosen[name].astype(np.int64).sum())

    def rows(self) -> tuple[MappingRow, ...]:
        """Mappings by time lost in them."""
        rows = [
            MappingRow(self._mappings[key], minor, major, stall)
            for key, (minor, major, stall) in self._counts.items()
        ]
        return tuple(sorted(rows, key=lambda row: (-row.stall_ns, -row.minor - row.major)))

    def unplaced(self, sums: Matrix) -> int:
        """Completed faults since the focus that no page counted."""
        completed = int(sums[SUM["minor"]] + sums[SUM["major"]])
        placed = sum(minor + major for minor, major, _ in self._counts.values())
        if self._start is None:
            self._start = sums.copy()
            self._placed = placed
        begun = int(self._start[SUM["minor"]] + self._start[SUM["major"]])
        return max(0, (completed - begun) - (placed - self._placed))


def _name(mapping: MemoryMapping) -> tuple[int, str, str]:
    # the stack grows downwards: its end is what stays
    fixed = mapping.end if mapping.name == "[stack]" else mapping.start
    return fixed, mapping.perms, str(mapping.name)


def _latency(counts: Matrix, sum_ns: int, extremes: Extremes) -> Latency:
    return summarise(counts, sum_ns=sum_ns, min_ns=extremes.min_ns or None, max_ns=extremes.max_ns or None)


def _of_interval(buckets: Matrix | None) -> tuple[int, ...]:
    # one short where a fault read as minor in the last interval has turned out not to be
    return NO_BUCKETS if buckets is None else tuple(np.maximum(buckets, 0).tolist())


def describe(process: Process, identity: Identity, mapped: MappingCounts | None) -> ProcessDetail:
    """The frozen drill-down of a process; take it before the interval is closed."""
    total = int(process.sums[SUM["latency_sum_ns"]])
    major = int(process.sums[SUM["major_sum_ns"]])
    return ProcessDetail(
        key=process.key,
        identity=identity,
        minor_buckets=tuple(process.minor_buckets.tolist()),
        major_buckets=tuple(process.major_buckets.tolist()),
        minor_interval=_of_interval(process.now_minor),
        major_interval=_of_interval(process.now_major),
        minor_latency=_latency(process.minor_buckets, total - major, process.minor),
        major_latency=_latency(process.major_buckets, major, process.major),
        all_latency=process.total_latency,
        stall_minor_ns=total - major,
        stall_major_ns=major,
        mappings=mapped.rows() if mapped else (),
        mappings_since_ns=mapped.since_ns if mapped else None,
        unplaced=mapped.unplaced(process.sums) if mapped else 0,
    )
