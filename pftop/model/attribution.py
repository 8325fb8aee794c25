"""Owns the cause of logged faults where the kernel did not see the mapping: error code and ``/proc/PID/maps``.

The rules are those of ``pftop.causes``; only the traits come from elsewhere. All in bulk: one search a
process and batch.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pftop import causes
from pftop.events import Access, FaultKind, ProcessKey, ProcessLookup, Records
from pftop.mappings import NO_MAPPINGS, Mappings, MemoryMapping

MAX_PROCESSES = 2048
READS_PER_S = 250
"""Processes whose mappings are read, at most: were thousands busy, reading them all would take more than a CPU.

The busiest go first; the rest keeps what is known of it, or stays unknown.
"""
ASK_EVERY_S = 1.0
SHMEM_NAMES = ("/dev/zero", "/memfd:", "/SYSV", "/dev/shm/", "[anon_shmem")
HUGETLB_NAMES = ("/anon_hugepage", "/memfd:hugetlb", "/dev/hugepages/")
PRESENT_X86 = 1
TABLE = np.array(causes.table(), np.uint32)
Numbers = npt.NDArray[Any]


def traits_of_mapping(mapping: MemoryMapping) -> int:
    """What a line of ``/proc/PID/maps`` tells: less than the VMA, never something else."""
    name = str(mapping.name)
    traits = causes.SHARED if "s" in mapping.perms else 0
    if name.startswith(HUGETLB_NAMES):
        return traits | causes.HUGETLB
    if name.startswith(SHMEM_NAMES):
        return traits | causes.SHMEM
    if name == "[stack]":
        return traits | causes.STACK
    if name.startswith("/") or name in ("[vdso]", "[vvar]", "[uprobes]"):
        return traits | causes.FILE
    return traits


@dataclass(frozen=True, slots=True)
class _Known:
    mappings: Mappings
    asked_at: float


class Attribution:
    """Causes of events by their process's mappings."""

    def __init__(self, lookup: ProcessLookup, clock: Callable[[], float] = time.monotonic) -> None:
        self._lookup, self._clock = lookup, clock
        self._reads, self._now = float(READS_PER_S), clock()
        self._known: OrderedDict[ProcessKey, _Known] = OrderedDict()

    def complete(self, events: Records) -> Records:
        """The events with every cause that can be told; those the kernel decided stay as they are."""
        open_ = events["cause"] == causes.NUMBER["unknown"]
        open_ &= events["kind"] <= FaultKind.MAJOR
        if not open_.any():
            return events
        before, self._now = self._now, self._clock()
        self._reads = min(READS_PER_S, self._reads + (self._now - before) * READS_PER_S)
        events = events.copy()
        at = np.flatnonzero(open_)
        order = at[np.lexsort((events["start_ns"][at], events["tgid"][at]))]
        fresh = (np.diff(events["tgid"][order]) != 0) | (np.diff(events["start_ns"][order]) != 0)
        for part in sorted(np.split(order, np.flatnonzero(fresh) + 1), key=len, reverse=True):
            key = ProcessKey(int(events["tgid"][part[0]]), int(events["start_ns"][part[0]]))
            events["cause"][part] = self._causes(key, events[part])
        return events

    def _causes(self, key: ProcessKey, events: Records) -> Numbers:
        mappings = self._mappings_of(key)
        at, inside = mappings.place(events["address"])
        if self._reads >= 1 and not inside.all():
            # asking for one address that is missing makes the lookup read anew, if it has not just done so
            self._lookup.mapping(key, int(events["address"][~inside][0]))
            mappings = self._mappings_of(key, anew=True)
            at, inside = mappings.place(events["address"])
        by_mapping = np.zeros(len(mappings) + 1, np.uint32)
        for index in set(at[inside].tolist()):
            by_mapping[index] = traits_of_mapping(mappings[index])
        # those that lie before all mappings have the last place, which is nobody's
        traits = np.where(inside, by_mapping[at], 0).astype(np.uint32)
        traits |= np.where(events["kind"] == FaultKind.MAJOR, causes.MAJOR, 0).astype(np.uint32)
        traits |= np.where(events["access"] == Access.WRITE, causes.WRITE, 0).astype(np.uint32)
        traits |= np.where(events["error_code"] & PRESENT_X86, causes.PRESENT, 0).astype(np.uint32)
        found: Numbers = np.where(inside, TABLE[traits], causes.NUMBER["unknown"])
        return found

    def _mappings_of(self, key: ProcessKey, *, anew: bool = False) -> Mappings:
        known = self._known.get(key)
        if known is not None and (self._reads < 1 or not (anew or self._now - known.asked_at >= ASK_EVERY_S)):
            return known.mappings
        if self._reads < 1:
            return NO_MAPPINGS
        mappings = self._lookup.mappings(key)
        if known is None or known.mappings is not mappings:
            self._reads -= 1
        self._known[key] = _Known(mappings, self._now)
        self._known.move_to_end(key)
        while len(self._known) > MAX_PROCESSES:
            self._known.popitem(last=False)
        return mappings
