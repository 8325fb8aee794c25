"""Latency figures of many processes at once are those of each alone, and stay between the true extremes."""

from __future__ import annotations

import numpy as np
import pytest

from pftop.model.histogram import BUCKETS, bucket_of, upper_ns
from pftop.model.latency import NOTHING, figures


def counts(*latencies_ns: int) -> list[int]:
    found = [0] * BUCKETS
    for latency_ns in latencies_ns:
        found[bucket_of(latency_ns)] += 1
    return found


@pytest.mark.parametrize("latency_ns", [1_100, 1_500, 1_990])
def test_percentiles_are_never_beyond_the_extremes(latency_ns: int) -> None:
    # all in one bucket, of which any other place would do as well
    table = np.array([counts(*[latency_ns] * 7)], np.int64)
    (found,) = figures(table, [7 * latency_ns], [latency_ns], [latency_ns], [latency_ns])
    assert (found.p50_ns, found.p90_ns, found.p99_ns) == (latency_ns,) * 3
    assert (found.count, found.max_ns, found.min_ns, found.mean_ns) == (7, latency_ns, latency_ns, latency_ns)


def test_an_unknown_longest_is_the_end_of_its_bucket_but_not_beyond_the_longest_ever() -> None:
    table = np.array([counts(1_500), counts(1_500)], np.int64)
    wide, bounded = figures(table, [1_500] * 2, [0] * 2, [0] * 2, [10**9, 1_520])
    assert wide.max_ns == upper_ns(bucket_of(1_500))
    assert bounded.max_ns == 1_520
    assert wide.min_ns is None


def test_where_not_even_the_longest_ever_is_known_the_bucket_alone_tells() -> None:
    (found,) = figures(np.array([counts(1_500)], np.int64), [1_500], [0], [0], [0])
    assert found.max_ns == upper_ns(bucket_of(1_500))
    assert 1_024 <= (found.p50_ns or 0) <= found.max_ns


def test_of_nothing_there_are_no_figures() -> None:
    table = np.array([counts(), counts(1_500)], np.int64)
    nothing, something = figures(table, [0, 1_500], [0, 0], [0, 0], [0, 10**9])
    assert nothing == NOTHING
    assert something.count == 1
    assert figures(table[:0], [], [], [], []) == []
