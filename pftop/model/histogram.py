"""Owns the log-linear latency histogram: its bucket layout, shared with the kernel side, and its percentiles.

Bucket 0 is [0, 64) ns. From there every octave (power of two) has four equal buckets: bucket ``1 + 4*o + s``
is [2^(6+o) * (1 + s/4), 2^(6+o) * (1 + (s+1)/4)), so no bucket is wider than a quarter of its lower edge.
The last one also holds everything above it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

from pftop.model.snapshot import Latency

BUCKETS = 120
_FIRST_BITS = 6
_SPLIT = 4
_SPLIT_BITS = 2

Counts = npt.NDArray[np.integer]
"""Counts by bucket: shape (BUCKETS,), or (rows, BUCKETS)."""


def lower_ns(bucket: int) -> int:
    """The lowest latency of a bucket, ns; ``lower_ns(BUCKETS)`` is the nominal end of the last one."""
    if bucket == 0:
        return 0
    octave, part = divmod(bucket - 1, _SPLIT)
    return (_SPLIT + part) << (_FIRST_BITS - _SPLIT_BITS + octave)


def upper_ns(bucket: int) -> int:
    """The end of a bucket, ns, exclusive; nominal for the last one, which is open."""
    return lower_ns(bucket + 1)


EDGES_NS: npt.NDArray[np.int64] = np.array([lower_ns(b) for b in range(BUCKETS + 1)], dtype=np.int64)
"""Shape (BUCKETS + 1,): every lower edge in ns, and the nominal end of the last bucket."""


def bucket_of(latency_ns: int) -> int:
    """The bucket a latency falls into."""
    bits = latency_ns.bit_length() - 1
    if bits < _FIRST_BITS:
        return 0
    part = (latency_ns >> (bits - _SPLIT_BITS)) & (_SPLIT - 1)
    return min(1 + _SPLIT * (bits - _FIRST_BITS) + part, BUCKETS - 1)


def percentile(counts: Counts, q: float, *, min_ns: int | None = None, max_ns: int | None = None) -> int | None:
    """The ``ceil(q * n)``-th smallest latency, ns, interpolated inside its bucket; None of no values.

    ``q`` is in (0, 1]. ``min_ns`` and ``max_ns`` are the true extremes where they are known.
    Monotone in ``q``, and never outside the bucket of the true value.
    """
    below = np.cumsum(counts, dtype=np.int64)
    n = int(below[-1])
    if n == 0:
        return None
    rank = _rank(q, n)
    bucket = int(np.searchsorted(below, rank))
    inside = int(counts[bucket])
    low, high = lower_ns(bucket), upper_ns(bucket)
    if bucket == BUCKETS - 1 and max_ns is not None:
        high = max(high, max_ns + 1)
    # The k-th of m in a bucket stands in the middle of the k-th m-th part, so it never touches an edge.
    value = low + (high - low) * (2 * (rank - int(below[bucket]) + inside) - 1) // (2 * inside)
    if min_ns is not None:
        value = max(value, min_ns)
    return value if max_ns is None else min(value, max_ns)


def percentiles_many(counts: Counts, qs: Sequence[float]) -> npt.NDArray[np.int64]:
    """``percentile``, within 1 ns, of many rows: (rows, BUCKETS) to (rows, len(qs)); 0 of no values."""
    below = np.cumsum(counts, axis=1, dtype=np.int64)
    n = below[:, -1]
    rows = np.arange(len(below))
    result = np.zeros((len(below), len(qs)), dtype=np.int64)
    for column, q in enumerate(qs):
        rank = np.clip(np.ceil(np.round(q * n, 6)).astype(np.int64), 1, np.maximum(n, 1))
        bucket = np.minimum((below < rank[:, None]).sum(axis=1), BUCKETS - 1)
        inside = np.maximum(counts[rows, bucket].astype(np.int64), 1)
        low, high = EDGES_NS[bucket], EDGES_NS[bucket + 1]
        position = (rank - below[rows, bucket] + inside - 0.5) / inside
        result[:, column] = np.where(n > 0, low + ((high - low) * position).astype(np.int64), 0)
    return result


def summarise(
    counts: Counts, *, sum_ns: int | None = None, min_ns: int | None = None, max_ns: int | None = None
) -> Latency:
    """A histogram's ``Latency``; an unknown maximum is taken as the end of the highest bucket in use."""
    n = int(counts.sum(dtype=np.int64))
    if n == 0:
        return Latency(count=0)
    highest = upper_ns(int(np.flatnonzero(counts)[-1]))
    p50, p90, p99 = (percentile(counts, q, min_ns=min_ns, max_ns=max_ns) for q in (0.5, 0.9, 0.99))
    return Latency(
        count=n,
        p50_ns=p50,
        p90_ns=p90,
        p99_ns=p99,
        max_ns=highest if max_ns is None else max_ns,
        min_ns=min_ns,
        mean_ns=None if sum_ns is None else sum_ns // n,
    )


@dataclass(frozen=True, slots=True)
class HistogramRow:
    """One line of a drawn histogram: [lower_ns, upper_ns), and its share of all, alone and so far, 0 to 1."""

    lower_ns: int
    upper_ns: int
    minor: int
    major: int
    share: float
    cumulative: float


@dataclass(frozen=True, slots=True)
class _Span:
    """Buckets ``first`` to before ``end``, and what they hold."""

    first: int
    end: int
    minor: int
    major: int

    @property
    def total(self) -> int:
        return self.minor + self.major

    def joined(self, other: _Span) -> _Span:
        """This span and the one after it as one."""
        return _Span(self.first, other.end, self.minor + other.minor, self.major + other.major)


def display_rows(minor: Sequence[int], major: Sequence[int], height: int) -> tuple[HistogramRow, ...]:
    """At most ``height`` rows that show the two histograms best; their sums are the inputs' sums.

    Octaves, or halves or quarters of them where there is room; empty ends are left out. Where octaves are
    still too many, the neighbours that hold least are merged, so detail stays where the counts are.
    No rows when nothing was counted or ``height`` < 1. Raises ValueError unless both have BUCKETS counts.
    """
    if len(minor) != BUCKETS or len(major) != BUCKETS:
        raise ValueError(f"a histogram has {BUCKETS} buckets, not {len(minor)} and {len(major)}")
    if height < 1:
        return ()
    spans: list[_Span] = []
    for per_row in (1, 2, _SPLIT):
        spans = _trimmed(_spans(minor, major, per_row))
        if len(spans) <= height:
            break
    while len(spans) > height:
        spans = _merge_sparsest(spans)
    total = sum(span.total for span in spans)
    sums = accumulate(span.total for span in spans)
    return tuple(
        HistogramRow(
            lower_ns=lower_ns(span.first),
            upper_ns=lower_ns(span.end),
            minor=span.minor,
            major=span.major,
            share=span.total / total,
            cumulative=so_far / total,
        )
        for span, so_far in zip(spans, sums, strict=True)
    )


def _spans(minor: Sequence[int], major: Sequence[int], per_row: int) -> list[_Span]:
    """All buckets, ``per_row`` of an octave's four together; bucket 0 stays by itself."""
    edges = [0, *range(1, BUCKETS, per_row), BUCKETS]
    return [
        _Span(first, end, int(sum(minor[first:end])), int(sum(major[first:end]))) for first, end in pairwise(edges)
    ]


def _trimmed(spans: list[_Span]) -> list[_Span]:
    """The spans from the first that holds anything to the last."""
    used = [index for index, span in enumerate(spans) if span.total]
    return spans[used[0] : used[-1] + 1] if used else []


def _merge_sparsest(spans: list[_Span]) -> list[_Span]:
    """The spans with the two neighbours merged that hold least; of equals, those farthest from the peak."""
    peak = max(range(len(spans)), key=lambda index: spans[index].total)
    at = min(
        range(len(spans) - 1),
        key=lambda index: (spans[index].total + spans[index + 1].total, -abs(index - peak)),
    )
    return [*spans[:at], spans[at].joined(spans[at + 1]), *spans[at + 2 :]]


def _rank(q: float, n: int) -> int:
    """Which of ``n`` sorted values the quantile is, from 1."""
    # 0.07 * 100 is 7.000000000000001: without rounding the ceiling would be one too many.
    return min(max(math.ceil(round(q * n, 6)), 1), n)
