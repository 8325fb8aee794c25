"""Owns the threads' books: cumulative records in, what each process did since the last look out.

Records are sums since the record was made, so every fault is in exactly one difference, however often a
record is read, and whether its thread lives, has ended, or gave its tid to another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pftop.events import Records
from pftop.text import Safe, clean

SUMS = (
    "minor",
    "major",
    "failed",
    "invalid",
    "kernel_mode",
    "remote",
    "read",
    "write",
    "exec",
    "latency_sum_ns",
    "major_sum_ns",
    "lock_wait_sum_ns",
    "retries",
)
SUM = {name: at for at, name in enumerate(SUMS)}
MIX = np.uint64(0x9E3779B97F4A7C15)

Matrix = npt.NDArray[np.int64]


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
    records: Records
    """The threads' records as read: names, extremes, flags; not sums to add."""
    thread_sums: Matrix
    """One row a thread, in the order of ``records``."""


def identities(records: Records) -> npt.NDArray[np.uint64]:
    """One number a record: a tid is reused, a tid with the moment its record was made is not."""
    mixed: npt.NDArray[np.uint64] = records["created_ns"] * MIX + records["tid"]
    return mixed


def name_of(raw: bytes) -> Safe:
    """A thread's name: what stands before the first NUL; behind it may be the rest of a longer, older one."""
    return clean(raw.split(b"\0", 1)[0])


def sums_of(records: Records) -> Matrix:
    """The plain sums of each record, shape (records, len(SUMS))."""
    return np.stack([records[name].astype(np.int64) for name in SUMS], axis=1)


def totals_of(records: Records) -> npt.NDArray[np.uint64]:
    """Faults of each record, of every kind; it changes whenever anything in the record does."""
    total: npt.NDArray[np.uint64] = records["minor"] + records["major"] + records["failed"]
    return total


class ThreadBook:
    """The last reading of every thread's record."""

    def __init__(self, empty: Records) -> None:
        """``empty`` is an array of no records, for its type."""
        self._records = empty
        self._keys = identities(empty)

    def __len__(self) -> int:
        """Threads known to live."""
        return len(self._records)

    def read(self, records: Records, late: Records) -> tuple[list[Change], list[Change], Records]:
        """A reading of the whole map, then the final records that came after it.

        Returns the changes of both, and the last known records of threads that vanished with neither.
        """
        keys = identities(records)
        order = np.argsort(keys)
        records, keys = records[order], keys[order]
        changes = self._changes(records, keys)
        missing = ~np.isin(self._keys, keys)
        # those missing here may be among the late: both must be found by the next step
        joined = np.concatenate([records, self._records[missing]])
        leftover = self._keys[missing]
        joined_keys = np.concatenate([keys, leftover])
        order = np.argsort(joined_keys)
        self._records, self._keys = joined[order], joined_keys[order]
        late_changes = self.retire(late)
        vanished = np.isin(self._keys, leftover)
        lost = self._records[vanished]
        self._records, self._keys = self._records[~vanished], self._keys[~vanished]
        return changes, late_changes, lost

    def retire(self, final: Records) -> list[Change]:
        """Final records of threads that ended: what they did since last read; they leave the book."""
        if not len(final):
            return []
        keys = identities(final)
        changes = self._changes(final, keys, keep_unchanged=True)
        gone = np.isin(self._keys, keys)
        if gone.any():
            self._records, self._keys = self._records[~gone], self._keys[~gone]
        return changes

    def _changes(
        self, records: Records, keys: npt.NDArray[np.uint64], *, keep_unchanged: bool = False
    ) -> list[Change]:
        at = np.searchsorted(self._keys, keys)
        at[at == len(self._keys)] = 0
        known = self._keys[at] == keys if len(self._keys) else np.zeros(len(keys), bool)
        before = np.zeros(len(keys), np.uint64)
        before[known] = totals_of(self._records[at[known]])
        wanted = np.ones(len(keys), bool) if keep_unchanged else totals_of(records) != before
        return group(records[wanted], self._records, at[wanted], known[wanted])


def group(records: Records, before: Records, at: npt.NDArray[Any], known: npt.NDArray[np.bool_]) -> list[Change]:
    """Differences to ``before[at]`` where ``known``, else to nothing, added up by process."""
    if not len(records):
        return []
    order = np.lexsort((records["start_ns"], records["tgid"]))
    records, at, known = records[order], at[order], known[order]
    base = before[at[known]]
    sums = sums_of(records)
    sums[known] -= sums_of(base)
    buckets = []
    for name in ("minor_buckets", "major_buckets"):
        # u32 in the kernel: the difference is right even when it has wrapped
        difference = records[name].copy()
        difference[known] -= base[name]
        buckets.append(difference)
    causes = np.concatenate([records["cause"], records["cause_ns"]], axis=1).astype(np.int64)
    causes[known] -= np.concatenate([base["cause"], base["cause_ns"]], axis=1).astype(np.int64)
    fresh = (np.diff(records["tgid"]) != 0) | (np.diff(records["start_ns"]) != 0)
    starts = np.concatenate([[0], np.flatnonzero(fresh) + 1])
    ends = np.append(starts[1:], len(records))
    totals = np.add.reduceat(sums, starts, axis=0)
    minor = np.add.reduceat(buckets[0].astype(np.int64), starts, axis=0)
    major = np.add.reduceat(buckets[1].astype(np.int64), starts, axis=0)
    by_cause = np.add.reduceat(causes, starts, axis=0).reshape(len(starts), 2, -1)
    return [
        Change(
            int(records["tgid"][first]),
            int(records["start_ns"][first]),
            totals[i],
            minor[i],
            major[i],
            by_cause[i],
            records[first:last],
            sums[first:last],
        )
        for i, (first, last) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
    ]
