"""--max-overhead through the loop: what a step does to the source, and what snapshots say of it."""

from __future__ import annotations

import pytest

from pftop.events import Cost, FaultKind
from pftop.model.collect import Collector
from pftop.model.govern import MEASURE_EVERY
from pftop.model.snapshot import Restraint
from tests.factories import make_plan
from tests.unit.fake_source import Clock, FakeLookup, FakeSource, mapping, pages
from tests.unit.test_collect import KEY, collector, until_tick


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(Clock())


def asked(source: FakeSource, what: str) -> list[object]:
    return [entry[1] for entry in source.asked if isinstance(entry, tuple) and entry[0] == what]


def lower(feed: Collector, source: FakeSource, ticks: int) -> None:
    source.cost = Cost(cpu_ratio=0.5)
    for _ in range(ticks):
        until_tick(feed)


def test_without_a_limit_nothing_is_held_back_nor_measured(source: FakeSource) -> None:
    feed = collector(source)
    source.cost = Cost(cpu_ratio=3.0)
    assert [until_tick(feed).restraint for _ in range(30)] == [None] * 30
    assert asked(source, "log rate") == asked(source, "measure cost") == []


def test_steps_reach_the_source_and_the_snapshot(source: FakeSource) -> None:
    feed = collector(source, max_overhead=1.0)
    assert until_tick(feed).restraint == Restraint(1.0, 1.0)
    lower(feed, source, 9)
    assert asked(source, "log rate") == [250, 62, 15]
    began = source.clock.now
    lower(feed, source, 3)
    found = until_tick(feed).restraint
    assert found == Restraint(1.0, 2.0, ("log rate 15/s", "interval 2s"))
    assert source.clock.now - began == pytest.approx(5.0)
    assert feed.interval_s == 1.0
    source.cost = Cost(cpu_ratio=0.001)
    for _ in range(80):
        until_tick(feed)
    assert until_tick(feed).restraint == Restraint(1.0, 1.0)
    assert asked(source, "log rate") == [250, 62, 15, 62, 250, 1000]


def test_an_interval_set_meanwhile_is_stretched_as_well(source: FakeSource) -> None:
    feed = collector(source, max_overhead=1.0)
    lower(feed, source, 13)
    feed.set_interval(3.0)
    found = until_tick(feed).restraint
    assert feed.interval_s == 3.0
    assert found is not None
    assert "interval 6s" in found.steps
    feed.set_interval(50.0)
    found = until_tick(feed, 5000).restraint
    assert found is not None
    # no longer than one may ask for
    assert found.interval_s == 60.0


def test_an_interval_that_cannot_be_longer_is_not_said_to_be(source: FakeSource) -> None:
    feed = collector(source, max_overhead=1.0)
    lower(feed, source, 20)
    feed.set_interval(60.0)
    found = until_tick(feed, 5000).restraint
    assert found is not None
    assert found.steps
    assert not any(step.startswith("interval") for step in found.steps)


def test_detail_goes_last_and_counts_stay(source: FakeSource) -> None:
    lookup = FakeLookup((mapping(0x1000, 0x9000),))
    feed = Collector(source, lookup, max_overhead=1.0, clock=source.clock, lines_per_second=None)
    feed.focus(KEY)
    source.kernel.make(7, 7, 70)
    source.kernel.fault(7)
    source.pages = pages((1, 3, 0, 30))
    source.log(1, tgid=7, start_ns=70, ip=0x2000, kind=FaultKind.INVALID, stack_id=3)
    update = feed.step(0.1)
    assert update.lines[0].symbol == "user+0x2000"
    assert update.lines[0].stack
    assert until_tick(feed).detail is not None
    lower(feed, source, 20)
    assert asked(source, "focus") == [7, None]
    source.kernel.fault(7)
    source.log(1, tgid=7, start_ns=70, ip=0x2000, kind=FaultKind.INVALID, stack_id=3)
    update = feed.step(0.1)
    assert (update.lines[0].symbol, update.lines[0].stack) == (None, ())
    snapshot = until_tick(feed, 500)
    assert snapshot.restraint is not None
    assert "detail off" in snapshot.restraint.steps
    # the histogram and every count go on; only the mappings are not counted any more
    assert snapshot.detail is not None
    assert (snapshot.detail.mappings, snapshot.detail.mappings_since_ns) == ((), None)
    assert [row.minor_total for row in snapshot.processes] == [2]


def test_the_rates_only_plan_can_only_come_less_often(source: FakeSource) -> None:
    source.plan = make_plan("proc")
    feed = collector(source, max_overhead=1.0)
    lower(feed, source, 12)
    assert asked(source, "log rate") == []
    found = until_tick(feed).restraint
    assert found == Restraint(1.0, 4.0, ("interval 4s", "nothing left to lower"))


def test_bpf_run_time_counts_and_is_estimated_between_two_measurements(source: FakeSource) -> None:
    feed = collector(source, max_overhead=5.0)
    source.kernel.make(7, 7, 70)
    source.cost = Cost(cpu_ratio=0.01, bpf_ns_per_fault=10_000_000.0, bpf_ratio=0.0)
    until_tick(feed)
    source.cost = Cost(cpu_ratio=0.01)
    for _ in range(4):
        # 9 of them take 90 ms of a second
        for _ in range(9):
            source.kernel.fault(7)
        snapshot = until_tick(feed)
    assert snapshot.restraint is not None
    assert snapshot.restraint.steps == ("log rate 250/s",)


def test_one_tick_in_ten_is_measured_once_the_figure_is_known(source: FakeSource) -> None:
    feed = collector(source, max_overhead=50.0)
    until_tick(feed)
    assert asked(source, "measure cost") == [True]
    source.cost = Cost(cpu_ratio=0.01, bpf_ns_per_fault=400.0, bpf_ratio=0.1)
    for _ in range(3 * MEASURE_EVERY):
        until_tick(feed)
    asked_for = asked(source, "measure cost")
    assert asked_for == [True, False, True, False, True, False, True, False][: len(asked_for)]
    assert len(asked_for) >= 6


def test_it_is_measured_while_it_is_shown_and_not_after(source: FakeSource) -> None:
    feed = collector(source)
    until_tick(feed)
    feed.measure_cost(True)
    until_tick(feed)
    until_tick(feed)
    feed.measure_cost(False)
    until_tick(feed)
    assert asked(source, "measure cost") == [True, False]


def test_where_it_was_asked_for_it_is_always_measured(source: FakeSource) -> None:
    feed = collector(source, cost=True)
    until_tick(feed)
    feed.measure_cost(True)
    until_tick(feed)
    feed.measure_cost(False)
    until_tick(feed)
    assert asked(source, "measure cost") == [True]
