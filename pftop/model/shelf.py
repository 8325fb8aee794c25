"""Owns finding a thread's record of the last reading: by tid and the moment it was made. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pftop.events import Records

MIX = np.uint64(0x9E3779B97F4A7C15)


def identities(records: Records) -> npt.NDArray[np.uint64]:
    """One number a record: a tid is reused, a tid with the moment its record was made is not."""
    mixed: npt.NDArray[np.uint64] = records["created_ns"] * MIX + records["tid"]
    return mixed


class Shelf:
    """Records found by identity. They are not copied, nor moved when one is taken off."""

    def __init__(self, records: Records) -> None:
        keys = identities(records)
        self.records = records
        self.order = np.argsort(keys)
        self.keys = keys[self.order]
        self.there = np.ones(len(keys), bool)

    def find(self, keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """For each identity its place in key order, and whether it is there."""
        if not len(self.keys):
            return np.zeros(len(keys), np.int64), np.zeros(len(keys), bool)
        at = np.searchsorted(self.keys, keys)
        at[at == len(self.keys)] = 0
        return at, (self.keys[at] == keys) & self.there[at]

    def rest(self) -> Records:
        """Those still there, copied."""
        return self.records[self.order[self.there]]
