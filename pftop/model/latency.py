"""Owns the latency figures of many processes at once: one pass of numpy a tick, however many there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pftop.model.book import SUM
from pftop.model.histogram import EDGES_NS, percentiles_many
from pftop.model.process import Process
from pftop.model.shelf import Matrix
from pftop.model.snapshot import Latency

QUANTILES = (0.5, 0.9, 0.99)
NOTHING = Latency(0)


def figures(
    counts: Matrix,
    sums_ns: Sequence[int],
    mins_ns: Sequence[int],
    maxs_ns: Sequence[int],
    bounds_ns: Sequence[int],
) -> list[Latency]:
    """One ``Latency`` a row of counts, shape (rows, BUCKETS); a min, max or bound of 0 is not known.

    Percentiles lie in the true value's bucket and never beyond the extremes.
    """
    if not len(counts):
        return []
    totals = counts.sum(axis=1)
    highest = counts.shape[1] - 1 - np.argmax(counts[:, ::-1] > 0, axis=1)
    shortest, known = np.array(mins_ns, np.int64), np.array(maxs_ns, np.int64)
    edges, bounds = EDGES_NS[highest + 1], np.array(bounds_ns, np.int64)
    longest = np.where(known > 0, known, np.where(bounds > 0, np.minimum(edges, bounds), edges))
    means = np.maximum(np.array(sums_ns, np.int64), 0) // np.maximum(totals, 1)
    within = np.maximum(percentiles_many(counts, QUANTILES), shortest[:, None])
    within = np.minimum(within, longest[:, None])
    columns = (column.tolist() for column in (totals, within, longest, shortest, means))
    return [
        Latency(total, p50, p90, p99, most, least or None, mean) if total else NOTHING
        for total, (p50, p90, p99), most, least, mean in zip(*columns, strict=True)
    ]


def fill(processes: Sequence[Process]) -> None:
    """Set both figures, of the interval and since start, of processes that did something in the interval."""
    busy = [p for p in processes if p.now_minor is not None and p.now_major is not None]
    if not busy:
        return
    now = np.stack([p.now_minor + p.now_major for p in busy if p.now_minor is not None and p.now_major is not None])
    # a fault read as minor in the last interval may have turned out not to be: its bucket is one short in this one
    now = np.maximum(now, 0)
    # what began in this interval has the same figures for both
    older = [p for p in busy if not p.is_new]
    sum_at = SUM["latency_sum_ns"]
    for process, latency in zip(
        busy,
        figures(
            now,
            [int(p.now[sum_at]) for p in busy],
            [p.min_ns if p.is_new else 0 for p in busy],
            [p.now_max_ns for p in busy],
            [p.max_ns for p in busy],
        ),
        strict=True,
    ):
        process.now_latency = latency
        if process.is_new:
            process.total_latency = latency
    if older:
        totals = np.stack([p.minor_buckets + p.major_buckets for p in older])
        maxs = [p.max_ns for p in older]
        extremes = [p.min_ns for p in older], maxs, maxs
        for process, latency in zip(
            older, figures(totals, [int(p.sums[sum_at]) for p in older], *extremes), strict=True
        ):
            process.total_latency = latency
