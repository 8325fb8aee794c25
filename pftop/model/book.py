"""Owns the threads' books: cumulative records in, what each process did since the last look out.

Records are sums since the record was made, so every fault is in exactly one difference, however often a
record is read, and whether its thread lives, has ended, or gave its tid to another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pftop.causes import NUMBER
from pftop.events import Records, Threads
from pftop.model.shelf import Matrix, Shelf, columns_of, run_starts, words_of
from pftop.records import identities
from pftop.text import Safe, clean

SUMS = (
    "retries",
    "lock_wait_sum_ns",
    "major_sum_ns",
    "remote",
    "kernel_mode",
    "invalid",
    "failed",
    "major",
    "exec",
    "read",
    "write",
    "latency_sum_ns",
    "minor",
)
SUM = {name: at for at, name in enumerate(SUMS)}
UNKNOWN = NUMBER["unknown"]
RETIRED = 4
"""``THREAD_RETIRED`` of ``bpf/fault.h``; a test compares them."""
LONG_RUN = 64
"""Rows a process from which on numpy's ``sum`` is the faster way, for 10,000 four times: ``reduceat`` takes each
column by itself."""
STATED = ("tgid", "tid", "uid", "comm")


class Stated(NamedTuple):
    """Of a process's records what is no sum: extremes in ns (0: none), flags, and its first thread if it is there."""

    minor_min_ns: int
    minor_max_ns: int
    major_min_ns: int
    major_max_ns: int
    flags: int
    leader: int
    """The first thread's place in ``Change.records``, the last if it is there twice; below 0 without one."""


@dataclass(frozen=True, slots=True)
class Change:
    """What the threads of one process did: sums in the order of ``SUMS``, then both histograms' buckets."""

    pid: int
    start_ns: int
    sums: Matrix
    minor_buckets: Matrix
    major_buckets: Matrix
    causes: Matrix
    """Faults by cause, in the order of ``pftop.causes.CAUSES``, then their time in ns: shape (2, causes)."""
    stated: Stated
    records: Records
    """The threads: members named in ``STATED``."""
    thread_sums: Matrix
    """One row a thread, in the order of ``records``."""


@lru_cache(maxsize=4096)
def name_of(raw: bytes) -> Safe:
    """A thread's name: what stands before the first NUL; behind it may be the rest of a longer, older one."""
    return clean(raw.split(b"\0", 1)[0])


def sums_of(records: Records) -> Matrix:
    """The plain sums of each record, shape (records, len(SUMS)); they lie side by side in it."""
    return words_of(records)[:, columns_of(records, SUMS[0], len(SUMS))].astype(np.int64)


def totals_of(records: Records) -> npt.NDArray[np.uint64]:
    """Faults of each record, of every kind."""
    total: npt.NDArray[np.uint64] = records["minor"] + records["major"] + records["failed"]
    return total


def marks_of(records: Records) -> npt.NDArray[np.uint64]:
    """A number that changes whenever a fault is added to the record, or what is counted of one is counted over.

    All it adds up lies side by side in the record; the times stand above the counts, so that neither hides the other.
    The extremes are in it because under plan memcg they may be told one reading after the fault.
    """
    marks: npt.NDArray[np.uint64] = records["minor"] + 2 * records["major"] + 4 * records["failed"]
    marks += 8 * (records["read"] + records["write"] + records["exec"])
    marks += records["latency_sum_ns"] << np.uint64(20)
    marks += (records["minor_max_ns"] + 3 * records["minor_min_ns"]) << np.uint64(40)
    return marks


class ThreadBook:
    """The last reading of every thread's record.

    It keeps the arrays it was given until the next reading, so that they must not be written to before.
    """

    def __init__(self, nothing: Threads, *, causes_counted: bool) -> None:
        """``nothing`` holds no records, but their types; the kernel side may not count causes it cannot tell."""
        self._shelf = Shelf(nothing)
        self._causes_counted = causes_counted

    def __len__(self) -> int:
        """Threads known to live."""
        return int(np.count_nonzero(self._shelf.there))

    def read(self, threads: Threads, late: Threads) -> tuple[list[Change], list[Change], Records]:
        """A reading of the whole map, then the final records that came after it.

        Returns the changes of both, and the last known records of threads that vanished with neither.
        """
        before = self._shelf
        now = Shelf(_without_ended(before, threads))
        at, known = before.find(now.keys)
        place = now.order
        changed = marks_of(now.records)[place]
        changed[known] -= marks_of(before.records)[before.order[at[known]]]
        # a rare part is read a moment after its record: what is new in one may not be in the other
        stirred, there = now.find(now.rare.stirred_since(before.rare))
        changed[stirred[there]] = 1
        busy = np.flatnonzero(changed)
        # in the order in which they lie in memory: by identity, each would be a cache miss
        busy = busy[np.argsort(place[busy])]
        origin = before.order[at] if len(before.order) else at
        changes = group(now, place[busy], before, origin[busy], known[busy])
        before.there[at[known]] = False
        missing = Shelf(Threads(before.rest(), before.rare.records))
        self._shelf = now
        # a late record may be of a thread read just now, or of one that was gone by then
        was_gone = missing.find(identities(late.records))[1]
        late_changes = retire(now, Threads(late.records.compress(~was_gone), late.rare))
        late_changes += retire(missing, Threads(late.records.compress(was_gone), late.rare))
        return self._with_causes(changes), self._with_causes(late_changes), missing.rest()

    def retire(self, final: Threads) -> list[Change]:
        """Final records of threads that ended: what they did since last read; they leave the book."""
        return self._with_causes(retire(self._shelf, final))

    def _with_causes(self, changes: list[Change]) -> list[Change]:
        """The changes with their completed faults as unknown ones, where the kernel side saw no mapping."""
        if not self._causes_counted:
            for change in changes:
                change.causes[:, UNKNOWN] += (
                    change.sums[SUM["minor"]] + change.sums[SUM["major"]],
                    change.sums[SUM["latency_sum_ns"]],
                )
        return changes


def _without_ended(before: Shelf, threads: Threads) -> Threads:
    """The reading without records that are new and marked as ended.

    The last record of such a thread was booked, or comes: the kernel side may be held up between sending it and
    taking it off.
    """
    ended = (threads.records["flags"] & RETIRED) != 0
    if not ended.any():
        return threads
    ended &= ~before.find(identities(threads.records))[1]
    return Threads(threads.records.compress(~ended), threads.rare)


def retire(shelf: Shelf, final: Threads) -> list[Change]:
    """Take final records off a shelf; returns what they did since they were put there, if only that they ended."""
    if not len(final.records):
        return []
    ended = Shelf(final)
    at, known = shelf.find(ended.identities)
    rows = np.arange(len(final.records))
    base = shelf.order[at] if len(shelf.order) else at
    changes = group(ended, rows, shelf, base, known)
    shelf.there[at[known]] = False
    return changes


def added_up(values: npt.NDArray[Any], starts: npt.NDArray[np.int64]) -> Matrix:
    """Rows summed from each start to the next."""
    if len(values) < LONG_RUN * len(starts):
        return np.add.reduceat(values, starts, axis=0, dtype=np.int64)
    return np.stack([run.sum(axis=0, dtype=np.int64) for run in np.split(values, starts[1:])])


def stated(records: Records, rows: npt.NDArray[Any]) -> Records:
    """The members ``STATED`` of these rows."""
    made = np.empty(len(rows), [(name, records.dtype[name]) for name in STATED])
    for name in STATED:
        made[name] = records[name][rows]
    return made


def extremes(records: Records, rows: npt.NDArray[Any], starts: npt.NDArray[np.int64]) -> list[tuple[int, ...]]:
    """The members of ``Stated`` for each process, whose rows go from one start to the next."""

    def least(name: str) -> npt.NDArray[np.uint64]:
        # one less, and 0, which stands for none, is the largest there is
        found: npt.NDArray[np.uint64] = np.minimum.reduceat(records[name][rows] - np.uint64(1), starts) + np.uint64(1)
        return found

    is_first = records["tid"][rows] == records["tgid"][rows]
    leader = np.maximum.reduceat(np.where(is_first, np.arange(len(rows)), -1), starts)
    columns = (
        least("minor_min_ns"),
        np.maximum.reduceat(records["minor_max_ns"][rows], starts),
        least("major_min_ns"),
        np.maximum.reduceat(records["major_max_ns"][rows], starts),
        np.bitwise_or.reduceat(records["flags"][rows], starts),
        np.where(leader < 0, -1, leader - starts),
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Rows of records, each with the row of an earlier reading it is compared to, where there is one."""

    records: Records
    rows: npt.NDArray[Any]
    new: npt.NDArray[Any]
    """Places among ``rows`` of those that there is nothing to compare to."""
    before: Records
    base: npt.NDArray[Any]
    """One row of ``before`` for each of ``rows``, any for the new."""

    def words(self, first: str, count: int) -> npt.NDArray[np.uint64]:
        """Differences of ``count`` 64-bit members, the first of which is named."""
        columns = columns_of(self.records, first, count)
        return self._less(words_of(self.records)[self.rows, columns], words_of(self.before), columns)

    def buckets(self, name: str, starts: npt.NDArray[np.int64]) -> Matrix:
        """Differences of a histogram, added up from each start to the next."""
        # u32 in the kernel: the difference is right even when it has wrapped
        found = self._less(self.records[name][self.rows], self.before[name], slice(None))
        # signed: a fault may be taken out of a bucket again
        return added_up(found.view(np.int32), starts)

    def _less(self, found: npt.NDArray[Any], before: npt.NDArray[Any], columns: slice) -> npt.NDArray[Any]:
        """What was found less what was there before."""
        if len(before):
            earlier = before[self.base, columns]
            # mostly none: to pick out the others would copy all there is once more
            earlier[self.new] = 0
            found -= earlier
        return found


def group(
    now: Shelf, rows: npt.NDArray[Any], before: Shelf, at: npt.NDArray[Any], known: npt.NDArray[np.bool_]
) -> list[Change]:
    """Differences of the records in these ``rows`` to those ``at`` where ``known``, else to nothing, by process.

    Only the members needed are copied, never whole records: those of 10,000 threads are 10 MB.
    """
    if not len(rows):
        return []
    records = now.records
    order = np.lexsort((records["start_ns"][rows], records["tgid"][rows]))
    rows, at, known = rows[order], at[order], known[order]
    tgids, start_times = records["tgid"][rows], records["start_ns"][rows]
    starts = run_starts(tgids, start_times)
    ends = np.append(starts[1:], len(rows))
    pairs = _Pairs(records, rows, np.flatnonzero(~known), before.records, at)
    sums = pairs.words(SUMS[0], len(SUMS)).astype(np.int64)
    totals = added_up(sums, starts)
    minor = pairs.buckets("minor_buckets", starts)
    causes, major = now.rare.added_up(before.rare, now.identities[rows], starts)
    facts, threads = extremes(records, rows, starts), stated(records, rows)
    return [
        Change(
            int(tgids[first]),
            int(start_times[first]),
            totals[i],
            minor[i],
            major[i],
            causes[i],
            Stated(*facts[i]),
            threads[first:last],
            sums[first:last],
        )
        for i, (first, last) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
    ]
