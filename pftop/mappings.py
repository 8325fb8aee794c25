"""Owns ``Mappings``: the mappings of one process, of which each becomes an object only when it is looked at.

A browser has thousands and a thread two of its own; of most processes a handful of addresses is ever asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from pftop.text import Safe

Numbers = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class MemoryMapping:
    """One line of ``/proc/PID/maps``: addresses, rights, file offset and a name fit to show."""

    start: int
    end: int
    perms: str
    offset: int
    name: Safe
    """A path, or ``[heap]``, ``[stack]``, ``[anon]``…"""


class Mappings(Sequence[MemoryMapping]):
    """Mappings in address order."""

    __slots__ = ("_made", "_make", "ends", "starts")

    def __init__(self, starts: Numbers, ends: Numbers, make: Callable[[int], MemoryMapping]) -> None:
        """``starts``, ``ends``: ``uint64`` addresses; ``make`` gives a mapping by its index."""
        self.starts, self.ends, self._make = starts, ends, make
        self._made: dict[int, MemoryMapping] = {}

    def read_again(self) -> Mappings:
        """The same, found unchanged: another object, for whoever tells a new reading from the last by that."""
        same = Mappings(self.starts, self.ends, self._make)
        same._made = self._made
        return same

    @classmethod
    def of(cls, mappings: Sequence[MemoryMapping]) -> Mappings:
        """Those that are objects already."""
        starts = np.array([mapping.start for mapping in mappings], np.uint64)
        ends = np.array([mapping.end for mapping in mappings], np.uint64)
        return cls(starts, ends, mappings.__getitem__)

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, at: int) -> MemoryMapping: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[MemoryMapping]: ...
    def __getitem__(self, at: int | slice) -> MemoryMapping | Sequence[MemoryMapping]:
        if isinstance(at, slice):
            return [self._get(index) for index in range(len(self))[at]]
        count = len(self.starts)
        if not -count <= at < count:
            raise IndexError(at)
        return self._get(at % count)

    def _get(self, at: int) -> MemoryMapping:
        """The same object each time: thousands of log lines may lie in one mapping."""
        known = self._made.get(at)
        if known is None:
            known = self._made[at] = self._make(at)
        return known

    def place(self, addresses: Numbers) -> tuple[Numbers, Numbers]:
        """Of each address the index of its mapping, and whether it has one."""
        if not len(self):
            return np.zeros(len(addresses), np.int64), np.zeros(len(addresses), bool)
        at = self.starts.searchsorted(addresses, side="right") - 1
        return at, (at >= 0) & (addresses < self.ends[at])

    def below(self, address: int) -> int:
        """The index of the last mapping that begins at or below an address; -1 when there is none."""
        return int(self.starts.searchsorted(np.uint64(address), side="right")) - 1

    def find(self, address: int) -> MemoryMapping | None:
        """The mapping of an address."""
        at = self.below(address)
        return self._get(at) if at >= 0 and address < int(self.ends[at]) else None


NO_MAPPINGS = Mappings.of(())
