"""Owns the log's corrections: a fault logged before its kind was told, and once more when it was another.

Under plan ``memcg`` both lines are nanoseconds apart, so nearly always read together.
"""

from __future__ import annotations

import numpy as np

from pftop.events import Records
from pftop.source import wire

MIX = np.uint64(0x9E3779B97F4A7C15)


def corrected(events: Records) -> Records:
    """The events without those that a later one stands for; what they say was skipped before them is kept."""
    again = (events["flags"] & wire.header().numbers["EVENT_CORRECTS"]) != 0
    if not again.any():
        return events
    events = events.copy()
    keys = events["ts_ns"] * MIX + events["tid"]
    wanted = np.flatnonzero(again)[np.argsort(keys[again])]
    mistaken = np.flatnonzero(np.isin(keys, keys[wanted]) & ~again)
    stands_for = wanted[np.searchsorted(keys[wanted], keys[mistaken])]
    np.add.at(events["skipped"], stands_for, events["skipped"][mistaken])
    return np.delete(events, mistaken)
