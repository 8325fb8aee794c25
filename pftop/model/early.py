"""Owns asking for the mappings of processes that are new to the log, while they are there to be asked.

Lines are made a few times a second; a compiler's processes do not live that long. Without this their addresses would
have no names.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from pftop.events import ProcessKey, ProcessLookup, Records
from pftop.mappings import Numbers

ASKED_PER_S = 250
"""At most: were thousands busy, reading all their mappings would take more than a CPU."""
TIMES = 4
"""A program maps its libraries one after the other."""
AT_ONCE = 50
KEPT = 2048
BUSY_S = 1.0
"""After one that is new, others are looked for."""


class Early:
    """Asks a few times for each process and program it runs."""

    def __init__(self, lookup: ProcessLookup, clock: Callable[[], float]) -> None:
        self._lookup, self._clock = lookup, clock
        self._asked: OrderedDict[tuple[int, int, bytes], int] = OrderedDict()
        self._left, self._at = float(AT_ONCE), clock()
        self._met_at = -BUSY_S

    def look(self, events: Records) -> None:
        """At the first unknown address of each process that is rather new."""
        columns = (events[name].tolist() for name in ("tgid", "start_ns", "comm", "address"))
        of = dict[tuple[int, int, bytes], list[int]]()
        for tgid, start_ns, comm, address in zip(*columns, strict=True):
            of.setdefault((tgid, start_ns, comm), []).append(address)
        before, self._at = self._at, self._clock()
        self._left = min(AT_ONCE, self._left + (self._at - before) * ASKED_PER_S)
        for who, addresses in of.items():
            if (times := self._asked.get(who, 0)) >= TIMES:
                continue
            if self._left < 1:
                return
            self._left -= 1
            if not times:
                self._met_at = self._at
            self._asked[who] = times + 1
            self._ask(ProcessKey(*who[:2]), np.array(addresses, np.uint64))

    def is_busy(self) -> bool:
        """Whether one was new a moment ago: there may be more of them."""
        return self._clock() - self._met_at < BUSY_S

    def _ask(self, key: ProcessKey, addresses: Numbers) -> None:
        _, inside = self._lookup.mappings(key).place(addresses)
        if not inside.all():
            # asking for one that is missing makes the lookup read anew, if it has not just done so
            self._lookup.mapping(key, int(addresses[~inside][0]))

        while len(self._asked) > KEPT:
            self._asked.popitem(last=False)
