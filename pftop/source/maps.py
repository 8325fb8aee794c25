"""Owns the reading of ``/proc/PID/maps`` and the cache that names the mapping an address lies in.

Never ``smaps``: it walks page tables under the lock that the faults measured here wait for.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pftop.events import MemoryMapping, ProcessKey
from pftop.source.procstat import read_stat, same_process
from pftop.text import Safe, clean

MAX_MAPPINGS = 32768
"""Kept of all processes together, some 11 MB: of a thousand small processes that fault in turn, or 10,000 threads."""
MAX_AGE_S = 5.0
MIN_AGE_S = 0.25
"""A miss reads the file anew, but not more often than this."""
SPARED = 50
"""A file is left alone for this many times as long as its reading took: ten thousand threads have as many stacks."""
ANONYMOUS = Safe("[anon]")


def parse_maps(data: bytes) -> tuple[MemoryMapping, ...]:
    """Mappings in address order; lines that make no sense are passed over.

    A file name may hold anything but a newline, which the kernel writes as ``\\012``.
    """
    found = []
    for line in data.split(b"\n"):
        fields = line.split(None, 5)
        if len(fields) < 5:
            continue
        try:
            start, end = (int(part, 16) for part in fields[0].split(b"-"))
            offset = int(fields[2], 16)
        except ValueError:
            continue
        name = clean(fields[5], 256) if len(fields) > 5 else ANONYMOUS
        found.append(MemoryMapping(start, end, fields[1].decode("ascii", "replace"), offset, name))
    return tuple(found)


@dataclass(slots=True)
class _Entry:
    read_at: float
    took_s: float
    mappings: tuple[MemoryMapping, ...]
    starts: list[int]

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

    def mappings(self, key: ProcessKey) -> Sequence[MemoryMapping]:
        """All mappings, at most ``MAX_AGE_S`` old; empty when they cannot be read."""
        return self._entry(key, MAX_AGE_S).mappings

    def find(self, key: ProcessKey, address: int) -> MemoryMapping | None:
        """The mapping of an address; read anew when a fresh look could find one."""
        mapping = _find(self._entry(key, MAX_AGE_S), address)
        if mapping is None:
            mapping = _find(self._entry(key, MIN_AGE_S), address)
        return mapping

    def forget(self, key: ProcessKey) -> None:
        """Read them anew when asked next."""
        entry = self._entries.pop(key, None)
        self._kept -= entry.weight if entry else 0

    def _entry(self, key: ProcessKey, max_age_s: float) -> _Entry:
        entry, now = self._entries.get(key), time.monotonic()
        if entry is None or now - entry.read_at > max(max_age_s, SPARED * entry.took_s):
            self.forget(key)
            # a process that has ended keeps the mappings it was last seen with
            mappings = self._read(key) or (entry.mappings if entry else ())
            took_s = time.monotonic() - now
            entry = self._entries[key] = _Entry(now, took_s, mappings, [mapping.start for mapping in mappings])
            self._kept += entry.weight
        self._entries.move_to_end(key)
        while self._kept > MAX_MAPPINGS and len(self._entries) > 1:
            self._kept -= self._entries.popitem(last=False)[1].weight
        return entry

    def _read(self, key: ProcessKey) -> tuple[MemoryMapping, ...]:
        directory = self._root / str(key.pid)
        try:
            data = (directory / "maps").read_bytes()
        except OSError:
            return ()
        # looked at after the reading: whoever has the PID now had it then
        stat = read_stat(directory)
        return parse_maps(data) if stat is not None and same_process(key, stat) else ()


def _find(entry: _Entry, address: int) -> MemoryMapping | None:
    at = bisect_right(entry.starts, address) - 1
    if at >= 0 and address < entry.mappings[at].end:
        return entry.mappings[at]
    return None
