"""Owns the cause of logged faults where the kernel side did not find the mapping: error code and ``/proc/PID/maps``.

The rules are those of ``pftop.causes``; only the traits come from elsewhere. All in bulk: one search a
process and batch.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pftop import causes
from pftop.events import Access, FaultKind, PlanInfo, ProcessKey, ProcessLookup, Records
from pftop.mappings import NO_MAPPINGS, Mappings, MemoryMapping, Numbers
from pftop.model.lines import VMA_FOUND
from pftop.model.shelf import run_starts
from pftop.records import copied

MAX_PROCESSES = 2048
READS_PER_S = 250
"""Processes whose mappings are read, at most: were thousands busy, reading them all would take more than a CPU.

The busiest go first; the rest keeps what is known of it, or stays unknown.
"""
ASK_EVERY_S = 1.0
SHMEM_NAMES = ("/dev/zero", "/memfd:", "/SYSV", "/dev/shm/", "[anon_shmem")
HUGETLB_NAMES = ("/anon_hugepage", "/memfd:hugetlb", "/dev/hugepages/")
PRESENT_X86 = 1
NOWHERE = -1


def traits_of_mapping(mapping: MemoryMapping) -> int:
    """What a line of ``/proc/PID/maps`` tells: less than the VMA, never something else."""
    return _traits_of("s" in mapping.perms, mapping.name)


@lru_cache(maxsize=4096)
def _traits_of(shared: bool, name: str) -> int:
    traits = causes.SHARED if shared else 0
    if name.startswith(HUGETLB_NAMES):
        return traits | causes.HUGETLB
    if name.startswith(SHMEM_NAMES):
        return traits | causes.SHMEM
    if name == "[stack]":
        return traits | causes.STACK
    if name.startswith("/") or name in ("[vdso]", "[vvar]", "[uprobes]"):
        return traits | causes.FILE
    return traits


def _traits_of_faults(events: Records, rows: Numbers) -> Numbers:
    """What the faults in these rows themselves tell; by column, for numpy picks out whole records slowly."""
    traits: Numbers = np.where(events["kind"][rows] == FaultKind.MAJOR, causes.MAJOR, 0)
    traits |= np.where(events["access"][rows] == Access.WRITE, causes.WRITE, 0)
    traits |= np.where(events["error_code"][rows] & PRESENT_X86, causes.PRESENT, 0)
    return traits


def _is_open(events: Records) -> npt.NDArray[np.bool_]:
    """Of each event whether its cause is still to be told; what its VMA did not tell nothing else will."""
    open_: npt.NDArray[np.bool_] = events["cause"] == causes.NUMBER["unknown"]
    open_ &= (events["kind"] <= FaultKind.MAJOR) & (events["flags"] & VMA_FOUND == 0)
    return open_


@dataclass(frozen=True, slots=True)
class _Known:
    mappings: Mappings
    asked_at: float


class Attribution:
    """Causes of events by their process's mappings."""

    def __init__(
        self, lookup: ProcessLookup, clock: Callable[[], float] = time.monotonic, *, untold: int = 0
    ) -> None:
        """``untold``: traits that the faults of this machine do not tell."""
        self._lookup, self._clock = lookup, clock
        self._table = np.array(causes.table(untold), np.uint32)
        self._reads, self._now = float(READS_PER_S), clock()
        self._known: OrderedDict[ProcessKey, _Known] = OrderedDict()

    def knows(self, events: Records) -> bool:
        """Whether mappings were read before of each process that they are needed of: others' may soon be gone."""
        open_ = _is_open(events)
        keys = zip(events["tgid"][open_].tolist(), events["start_ns"][open_].tolist(), strict=True)
        return all(key in self._known for key in set(keys))

    def complete(self, events: Records) -> Records:
        """The events with every cause that can be told; those the kernel decided stay as they are."""
        open_ = _is_open(events)
        if not open_.any():
            return events
        before, self._now = self._now, self._clock()
        self._reads = min(READS_PER_S, self._reads + (self._now - before) * READS_PER_S)
        events = copied(events)
        at = np.flatnonzero(open_)
        at = at[np.lexsort((events["start_ns"][at], events["tgid"][at]))]
        tgids, start_times, addresses = (events[name][at] for name in ("tgid", "start_ns", "address"))
        firsts = run_starts(tgids, start_times)
        counts = np.diff(firsts, append=len(at))
        traits = np.full(len(at), NOWHERE, np.int64)
        # the busiest first
        groups = np.argsort(-counts, kind="stable")
        columns = (tgids[firsts], start_times[firsts], firsts, counts)
        for pid, start_ns, first, count in zip(*(column[groups].tolist() for column in columns), strict=True):
            part = slice(first, first + count)
            traits[part] = self._traits(ProcessKey(pid, start_ns), addresses[part])
        told = traits != NOWHERE
        placed = at[told]
        events["cause"][placed] = self._table[traits[told] | _traits_of_faults(events, placed)]
        return events

    def _traits(self, key: ProcessKey, addresses: Numbers) -> list[int]:
        """Of each address what its mapping tells, or ``NOWHERE``."""
        mappings = self._mappings_of(key)
        at, inside = mappings.place(addresses)
        if self._reads >= 1 and not inside.all():
            # asking for one address that is missing makes the lookup read anew, if it has not just done so
            self._lookup.mapping(key, int(addresses[~inside][0]))
            mappings = self._mappings_of(key, anew=True)
            at, inside = mappings.place(addresses)
        places = np.where(inside, at, NOWHERE).tolist()
        # many faults lie in few mappings
        told = {place: traits_of_mapping(mappings[place]) if place != NOWHERE else NOWHERE for place in set(places)}
        return [told[place] for place in places]

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


def attribution_for(plan: PlanInfo, lookup: ProcessLookup) -> Attribution | None:
    """For a plan that does not see mappings itself; None for one that does."""
    if plan.features.remote:
        return None
    return Attribution(lookup, untold=causes.untold(plan.arch, access=plan.features.access))
