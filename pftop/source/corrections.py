"""Owns what plan ``memcg`` must put right: a fault is counted and logged as minor before its kind is told.

Mostly the truth is nanoseconds behind, so both lines of the log are read together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pftop.events import Records
from pftop.records import copied, identities
from pftop.source.header import header

Keys = npt.NDArray[np.uint64]
FRESH_NS = 2_000_000
"""A thread whose fault ended less long ago may have been put off its CPU, by the reader, before the kind was told."""


def among(keys: Keys, others: Keys) -> npt.NDArray[np.bool_]:
    """Of each key whether it is one of the others; numpy's ``isin`` would load a megabyte of masked arrays."""
    if not len(others):
        return np.zeros(len(keys), bool)
    ordered = np.sort(others)
    found: npt.NDArray[np.bool_] = ordered[ordered.searchsorted(keys).clip(max=len(others) - 1)] == keys
    return found


def corrected(events: Records) -> Records:
    """The events without those that a later one stands for; what they say was skipped before them is kept."""
    again = (events["flags"] & header().numbers["EVENT_CORRECTS"]) != 0
    if not again.any():
        return events
    events = copied(events)
    keys = identities(events, "ts_ns")
    wanted = np.flatnonzero(again)[np.argsort(keys[again])]
    replaced = among(keys, keys[wanted]) & ~again
    mistaken = np.flatnonzero(replaced)
    stands_for = wanted[np.searchsorted(keys[wanted], keys[mistaken])]
    np.add.at(events["skipped"], stands_for, events["skipped"][mistaken])
    return events.compress(~replaced)


def keep_extremes(records: Records, now_ns: int) -> None:
    """Have no extreme come from a fault that may yet turn out not to be minor: the next reading has it.

    Counts are differences and put themselves right; a largest value, once shown, would stay.
    """
    last = records["provision"]
    fresh = (last["ts_ns"] != 0) & (last["ts_ns"] + last["latency_ns"] + np.uint64(FRESH_NS) > np.uint64(now_ns))
    for name in ("minor_max_ns", "minor_min_ns"):
        records[name][fresh] = last[name][fresh]
