"""Owns what logged faults have taught of causes until it can be booked: sums, however many faults there were."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pftop.causes import NUMBER
from pftop.events import FaultKind, ProcessKey, Records
from pftop.model.shelf import run_starts

UNKNOWN = NUMBER["unknown"]
Learnt = Mapping[tuple[ProcessKey, int], tuple[int, int]]
"""By process and cause: how many faults, and ns."""


class Learning:
    """Faults come in all the time; that they are booked is known only once a whole reading was."""

    def __init__(self) -> None:
        self._sums: dict[tuple[ProcessKey, int], tuple[int, int]] = {}

    def add(self, events: Records) -> None:
        """Take in completed faults whose cause is known by now."""
        known = np.flatnonzero((events["cause"] != UNKNOWN) & (events["kind"] <= FaultKind.MAJOR))
        if not len(known):
            return
        # by column: numpy sorts whole records ten times slower
        columns = [events[name][known] for name in ("cause", "start_ns", "tgid")]
        order = np.lexsort(columns)
        columns = [column[order] for column in columns]
        starts = run_starts(*columns)
        counts = np.diff(starts, append=len(order)).tolist()
        times = np.add.reduceat(events["latency_ns"][known][order], starts).tolist()
        causes, start_times, pids = (column[starts].tolist() for column in columns)
        for pid, start_ns, cause, count, time_ns in zip(pids, start_times, causes, counts, times, strict=True):
            entry = ProcessKey(pid, start_ns), cause
            before = self._sums.get(entry, (0, 0))
            self._sums[entry] = before[0] + count, before[1] + time_ns

    def take(self) -> Learnt:
        """All that was learnt since the last call."""
        found, self._sums = self._sums, {}
        return found
