"""Owns finding what was read of a thread last time: by tid and the moment its record was made. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pftop.events import Records, Threads
from pftop.records import identities

Matrix = npt.NDArray[np.int64]


def words_of(records: Records) -> npt.NDArray[np.uint64]:
    """The records as rows of 64-bit words, without copying; their type is laid out in whole words."""
    if not records.flags.c_contiguous:
        records = records.copy()
    return records.view(np.uint64).reshape(len(records), records.dtype.itemsize // 8)


def columns_of(records: Records, first: str, count: int) -> slice:
    """The words of ``count`` 64-bit members, the first of which is named."""
    assert records.dtype.fields is not None
    at = records.dtype.fields[first][1] // 8
    return slice(at, at + count)


def run_starts(*columns: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Where in sorted columns, of equal length and not empty, runs of equal rows begin."""
    fresh = np.zeros(len(columns[0]), bool)
    fresh[0] = True
    for column in columns:
        fresh[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(fresh)


class Index:
    """Where in an array the record of an identity is. The array is neither copied nor moved."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.identities = identities(records)
        self.order = np.argsort(self.identities)
        self.keys = self.identities[self.order]

    def find(self, keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """For each identity its place in key order, and whether it is there."""
        if not len(self.keys):
            return np.zeros(len(keys), np.int64), np.zeros(len(keys), bool)
        at = np.searchsorted(self.keys, keys)
        at[at == len(self.keys)] = 0
        return at, self.keys[at] == keys


class RareParts(Index):
    """The parts that few threads have: ``struct thread_rare``."""

    def stirred_since(self, before: RareParts) -> npt.NDArray[np.uint64]:
        """Identities of those that something was added to."""
        at, known = before.find(self.keys)
        changes = self.records["changes"][self.order]
        changes[known] -= before.records["changes"][before.order[at[known]]]
        stirred: npt.NDArray[np.uint64] = self.keys[changes != 0]
        return stirred

    def added_up(
        self, before: RareParts, keys: npt.NDArray[np.uint64], starts: npt.NDArray[np.int64]
    ) -> tuple[Matrix, Matrix]:
        """What was added since, summed from each of the ``starts`` among the ``keys`` to the next.

        Shapes (starts, 2, causes), counts and ns by cause, and (starts, buckets) of the major faults.
        """
        kinds, buckets = (self.records.dtype[name].shape[0] for name in ("cause", "major_buckets"))
        causes, major = np.zeros((len(starts), 2, kinds), np.int64), np.zeros((len(starts), buckets), np.int64)
        at, there = self.find(keys)
        which = np.flatnonzero(there)
        if not len(which):
            return causes, major
        columns = columns_of(self.records, "cause", 2 * kinds)
        places = self.order[at[which]]
        words = words_of(self.records)[places, columns]
        counts = self.records["major_buckets"][places]
        at, known = before.find(keys[which])
        places = before.order[at[known]]
        words[known] -= words_of(before.records)[places, columns]
        # u32 in the kernel: the difference is right even when it has wrapped
        counts[known] -= before.records["major_buckets"][places]
        of = np.searchsorted(starts, which, "right") - 1
        firsts = run_starts(of)
        causes[of[firsts]] = np.add.reduceat(words, firsts, axis=0).astype(np.int64).reshape(-1, 2, kinds)
        major[of[firsts]] = np.add.reduceat(counts, firsts, axis=0, dtype=np.int64)
        return causes, major


class Shelf(Index):
    """Records of threads with their rare parts; one may be taken off."""

    def __init__(self, threads: Threads) -> None:
        super().__init__(threads.records)
        self.rare = RareParts(threads.rare)
        self.there = np.ones(len(self.keys), bool)

    def find(self, keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """As any index does; those taken off are not there."""
        at, found = super().find(keys)
        return at, found & self.there[at] if len(self.keys) else found

    def rest(self) -> Records:
        """Those still there, copied."""
        return self.records.take(self.order[self.there])
