"""Owns the proof that causes are ranked by time, that shares are of what is told, and that the rest is named."""

from __future__ import annotations

import pytest

from pftop.causes import CAUSES
from pftop.model.shares import leading, named, shares
from tests.factories import make_row


def test_a_plan_that_tells_no_causes_has_no_shares() -> None:
    assert shares(make_row()) is None
    assert leading(make_row()) is None
    found = shares(make_row(causes_total={}))
    assert found is not None
    assert not found.ranked
    assert not found.partial


def test_the_most_time_comes_first_and_shares_add_up() -> None:
    row = make_row(
        causes_total={"first-touch": 90, "file-read": 10, "null": 0},
        cause_ns_total={"first-touch": 1_000, "file-read": 3_000},
    )
    found = shares(row)
    assert found is not None
    assert [(s.cause, s.faults, s.of_faults, s.ns, s.of_time) for s in found.ranked] == [
        ("file-read", 10, 0.1, 3_000, 0.75),
        ("first-touch", 90, 0.9, 1_000, 0.25),
    ]
    assert (found.told, found.untold, found.partial) == (100, 0, False)
    assert leading(row) == ("read", 0.75, False)


def test_without_times_the_number_decides_and_ties_keep_the_tables_order() -> None:
    found = shares(make_row(causes_total={"unmapped": 1, "null": 1, "access": 5}))
    assert found is not None
    assert [share.cause for share in found.ranked] == ["access", "null", "unmapped"]
    assert {share.of_time for share in found.ranked} == {0.0}


@pytest.mark.parametrize(("unknown", "partial"), [(0, False), (1, False), (2, True), (900, True)])
def test_what_is_not_told_stands_apart(unknown: int, partial: bool) -> None:
    row = make_row(causes_total={"cow": 99, "unknown": unknown}, cause_ns_total={"cow": 5, "unknown": 7})
    found = shares(row)
    assert found is not None
    assert (found.untold, found.untold_ns, found.partial) == (unknown, 7, partial)
    assert leading(row) == ("cow", 1.0, partial)


def test_a_count_below_nothing_is_nothing() -> None:
    found = shares(make_row(causes_total={"cow": 3, "unknown": -3}, cause_ns_total={"cow": 2, "unknown": -2}))
    assert found is not None
    assert (found.untold, found.untold_ns) == (0, 0)


def test_causes_go_by_both_their_names() -> None:
    assert named("co") == {"cow"}
    assert named("s") == {"swap-in", "shmem", "shared-write", "stack"}
    assert named("hgt") == named("hugetlb") == {"hugetlb"}
    assert named("zz") == frozenset()
    assert all(cause.name in named(cause.name) & named(cause.short) for cause in CAUSES)
