"""Owns the proof that buckets are where the kernel side has them and percentiles are in the true one."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pftop.model import histogram as h
from pftop.model.snapshot import Latency

LATENCIES = st.integers(0, 2**36)
SOME = st.lists(LATENCIES, min_size=1, max_size=60)
QUANTILES = st.floats(0.001, 1.0)


def counted(latencies: list[int]) -> np.ndarray:
    return np.bincount([h.bucket_of(ns) for ns in latencies], minlength=h.BUCKETS).astype(np.uint32)


@pytest.mark.parametrize(
    ("latency_ns", "bucket"),
    [
        (0, 0),
        (63, 0),
        (64, 1),
        (79, 1),
        (80, 2),
        (127, 4),
        (128, 5),
        (1_000, 16),
        (1_024, 17),
        (2**35 + 2**34, 119),
        (2**63, 119),
    ],
)
def test_bucket_of(latency_ns: int, bucket: int) -> None:
    assert h.bucket_of(latency_ns) == bucket


def test_the_layout_is_the_documented_one() -> None:
    assert (h.BUCKETS, h.lower_ns(0), h.upper_ns(0)) == (120, 0, 64)
    for octave in range(30):
        for part in range(4):
            bucket = 1 + 4 * octave + part
            if bucket < h.BUCKETS:
                assert h.lower_ns(bucket) == 2 ** (6 + octave) * (4 + part) // 4
                assert h.upper_ns(bucket) == 2 ** (6 + octave) * (5 + part) // 4
    assert h.EDGES_NS.tolist() == [h.lower_ns(b) for b in range(120)] + [h.upper_ns(119)]


@given(st.integers(0, h.lower_ns(119) - 1))
def test_a_latency_lies_in_its_bucket(latency_ns: int) -> None:
    bucket = h.bucket_of(latency_ns)
    assert h.lower_ns(bucket) <= latency_ns < h.upper_ns(bucket)


@given(SOME, QUANTILES)
def test_a_percentile_lies_in_the_bucket_of_the_true_value(latencies: list[int], q: float) -> None:
    true = sorted(latencies)[math.ceil(round(q * len(latencies), 6)) - 1]
    for extremes in ({}, {"min_ns": min(latencies), "max_ns": max(latencies)}):
        found = h.percentile(counted(latencies), q, **extremes)
        assert h.bucket_of(found) == h.bucket_of(true)
    assert min(latencies) <= found <= max(latencies)


@given(SOME, st.lists(QUANTILES, min_size=2, max_size=8))
def test_percentiles_rise_with_q(latencies: list[int], qs: list[float]) -> None:
    found = [h.percentile(counted(latencies), q) for q in sorted(qs)]
    assert all(low <= high for low, high in pairwise(found))


@pytest.mark.parametrize("q", [0.07, 0.29, 0.5, 0.57, 0.99, 1.0])
def test_the_rank_is_not_off_by_one(q: float) -> None:
    counts = np.zeros(h.BUCKETS, dtype=np.uint32)
    counts[10:110] = 1
    assert h.bucket_of(h.percentile(counts, q)) == 10 + round(q * 100) - 1


def test_one_fault_with_known_extremes_is_shown_exactly() -> None:
    assert h.summarise(counted([1_234]), sum_ns=1_234, min_ns=1_234, max_ns=1_234) == Latency(
        1, 1_234, 1_234, 1_234, 1_234, 1_234, 1_234
    )


def test_nothing_counted_has_no_figures() -> None:
    empty = np.zeros(h.BUCKETS, dtype=np.uint32)
    assert h.percentile(empty, 0.5) is None
    assert h.summarise(empty, sum_ns=0, max_ns=0) == Latency(count=0)
    assert h.percentiles_many(np.zeros((2, h.BUCKETS), dtype=np.uint32), (0.5, 0.99)).tolist() == [
        [0, 0],
        [0, 0],
    ]


def test_counts_near_the_width_of_the_counter_do_not_overflow() -> None:
    counts = np.full(h.BUCKETS, 2**32 - 1, dtype=np.uint32)
    assert h.summarise(counts).count == 120 * (2**32 - 1)
    assert h.bucket_of(h.percentile(counts, 0.5)) == 59
    assert h.bucket_of(int(h.percentiles_many(counts[None, :], (0.5,))[0, 0])) == 59


@given(SOME)
def test_a_summary_is_in_order(latencies: list[int]) -> None:
    latency = h.summarise(counted(latencies), sum_ns=sum(latencies))
    assert latency.count == len(latencies)
    assert latency.p50_ns <= latency.p90_ns <= latency.p99_ns <= latency.max_ns
    assert latency.mean_ns == sum(latencies) // len(latencies)
    top = h.bucket_of(max(latencies))
    assert latency.max_ns == h.upper_ns(top)


@given(st.lists(st.lists(LATENCIES, max_size=30), min_size=1, max_size=5))
def test_many_rows_give_what_single_rows_give(rows: list[list[int]]) -> None:
    counts = np.stack([counted(row) for row in rows])
    qs = (0.01, 0.5, 0.9, 0.99, 1.0)
    many = h.percentiles_many(counts, qs)
    assert many.shape == (len(rows), len(qs))
    for row, found in zip(counts, many, strict=True):
        expected = [h.percentile(row, q) or 0 for q in qs]
        assert np.abs(found - expected).max() <= 1


@given(st.lists(LATENCIES, max_size=40), st.lists(LATENCIES, max_size=40), st.integers(0, 40))
def test_drawn_rows_hold_everything_and_fit(minor: list[int], major: list[int], height: int) -> None:
    low, high = counted(minor), counted(major)
    rows = h.display_rows(low.tolist(), high.tolist(), height)
    if height < 1 or not minor + major:
        assert rows == ()
        return
    assert 1 <= len(rows) <= height
    assert (sum(r.minor for r in rows), sum(r.major for r in rows)) == (len(minor), len(major))
    assert all(one.upper_ns == other.lower_ns for one, other in pairwise(rows))
    assert all(a.cumulative <= b.cumulative for a, b in pairwise(rows))
    assert rows[-1].cumulative == 1.0
    assert sum(r.share for r in rows) == pytest.approx(1.0)
    for row in rows:
        inside = [
            ns
            for ns in minor
            if row.lower_ns <= h.lower_ns(h.bucket_of(ns)) and h.upper_ns(h.bucket_of(ns)) <= row.upper_ns
        ]
        assert row.minor == len(inside)


@pytest.mark.parametrize(("height", "rows"), [(40, 37), (36, 19), (18, 10), (10, 10)])
def test_rows_split_as_far_as_the_height_allows(height: int, rows: int) -> None:
    counts = [0] * h.BUCKETS
    counts[13:50] = [5] * 37
    drawn = h.display_rows(counts, [0] * h.BUCKETS, height)
    assert len(drawn) == rows


def test_where_octaves_are_too_many_the_sparse_ones_are_merged() -> None:
    counts = [0] * h.BUCKETS
    counts[21], counts[25], counts[29] = 500, 1000, 400
    for bucket in range(33, 73, 4):
        counts[bucket] = 1
    drawn = h.display_rows(counts, [0] * h.BUCKETS, 6)
    assert len(drawn) == 6
    assert [row.minor for row in drawn[:3]] == [500, 1000, 400]
    assert sum(row.minor for row in drawn[3:]) == 10


def test_of_equally_sparse_neighbours_those_farthest_from_the_peak_are_merged() -> None:
    counts = [0] * h.BUCKETS
    for octave, n in ((5, 100), (6, 1), (7, 1), (8, 1), (9, 1)):
        counts[1 + 4 * octave] = n
    drawn = h.display_rows(counts, [0] * h.BUCKETS, 4)
    assert [row.minor for row in drawn] == [100, 1, 1, 2]


def test_the_open_bucket_reaches_to_the_known_maximum() -> None:
    slow = [2**36, 2**40]
    found = h.percentile(counted(slow), 1.0, min_ns=min(slow), max_ns=max(slow))
    assert h.upper_ns(h.BUCKETS - 1) < found <= max(slow)
    assert found > 2**39


def test_a_histogram_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="120 buckets"):
        h.display_rows([1], [0] * h.BUCKETS, 10)
