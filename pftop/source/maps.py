"""Owns the reading of ``/proc/PID/maps`` and the cache that names the mapping an address lies in.

Never ``smaps``: it walks page tables under the lock that the faults measured here wait for.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from pftop.events import ProcessKey
from pftop.mappings import NO_MAPPINGS, Mappings, MemoryMapping, Numbers
from pftop.source.procstat import read_first_thread, same_process
from pftop.text import Safe, clean

MAX_MAPPINGS = 65536
"""Kept of all processes together, some 11 MB: of a thousand small processes that fault in turn, or 10,000 threads."""
MAX_AGE_S = 5.0
MIN_AGE_S = 0.25
"""A miss reads the file anew, but not more often than this."""
SPARED = 50
"""A file is left alone for this many times as long as its reading took: ten thousand threads have as many stacks."""
ANONYMOUS = Safe("[anon]")
LINE = re.compile(rb"^([0-9a-f]{1,16})-([0-9a-f]{1,16}) (\S+ [0-9a-f]+ \S+ \d[^\n]*)$", re.MULTILINE)
"""Start, end, and all the rest."""


def parse_maps(data: bytes) -> Mappings:
    """Mappings in address order; lines that make no sense are passed over.

    A file name may hold anything but a newline, which the kernel writes as ``\\012``. Only the addresses are read
    here: the rest takes three times as long, and is wanted of few lines.
    """
    lines = LINE.findall(data)
    starts = np.array([int(line[0], 16) for line in lines], np.uint64)
    ends = np.array([int(line[1], 16) for line in lines], np.uint64)
    return Mappings(starts, ends, partial(_mapping, starts, ends, [line[2] for line in lines]))


def _mapping(starts: Numbers, ends: Numbers, rests: Sequence[bytes], at: int) -> MemoryMapping:
    """One of them in full."""
    return MemoryMapping(int(starts[at]), int(ends[at]), *_parts(rests[at]))


@lru_cache(maxsize=1024)
def _parts(rest: bytes) -> tuple[str, int, Safe]:
    """Rights, file offset and name: the same in all processes that map the same library."""
    perms, offset, _device, _inode, *name = rest.split(None, 4)
    return perms.decode("ascii", "replace"), int(offset, 16), clean(name[0], 256) if name else ANONYMOUS


@dataclass(slots=True)
class _Entry:
    read_at: float
    took_s: float
    digest: int
    """Of the file's text."""
    mappings: Mappings

    @property
    def weight(self) -> int:
        """What it counts for among those kept."""
        return 1 + len(self.mappings)


class MapsCache:
    """Mappings of the processes last asked about."""

    def __init__(self, root: Path = Path("/proc")) -> None:
        self._root = root
        self._entries: OrderedDict[ProcessKey, _Entry] = OrderedDict()
        self._kept = 0

    def mappings(self, key: ProcessKey) -> Mappings:
        """All mappings, at most ``MAX_AGE_S`` old; empty when they cannot be read."""
        return self._entry(key, MAX_AGE_S).mappings

    def find(self, key: ProcessKey, address: int) -> MemoryMapping | None:
        """The mapping of an address; read anew when a fresh look could find one."""
        mapping = self._entry(key, MAX_AGE_S).mappings.find(address)
        return mapping or self._entry(key, MIN_AGE_S).mappings.find(address)

    def forget(self, key: ProcessKey) -> None:
        """Read them anew when asked next."""
        entry = self._entries.pop(key, None)
        self._kept -= entry.weight if entry else 0

    def _entry(self, key: ProcessKey, max_age_s: float) -> _Entry:
        entry, now = self._entries.get(key), time.monotonic()
        if entry is None or now - entry.read_at > max(max_age_s, SPARED * entry.took_s):
            digest, mappings = self._read(key, entry)
            self.forget(key)
            entry = self._entries[key] = _Entry(now, time.monotonic() - now, digest, mappings)
            self._kept += entry.weight
        self._entries.move_to_end(key)
        while self._kept > MAX_MAPPINGS and len(self._entries) > 1:
            self._kept -= self._entries.popitem(last=False)[1].weight
        return entry

    def _read(self, key: ProcessKey, before: _Entry | None) -> tuple[int, Mappings]:
        """Digest and mappings; those of ``before`` where it has ended, and mostly else: little changes."""
        known = (before.digest, before.mappings) if before is not None else (0, NO_MAPPINGS)
        try:
            with open(f"{self._root}/{key.pid}/maps", "rb", buffering=0) as file:
                data = file.read()
        except OSError:
            return known
        # looked at after the reading: whoever has the PID now had it then
        stat = read_first_thread(self._root, key.pid)
        if stat is None or not same_process(key, stat):
            return known
        digest = hash(data)
        mappings = known[1].read_again() if digest == known[0] else parse_maps(data)
        return (digest, mappings) if mappings else known
