"""The loop's one step, over a scripted source and a clock that stands still."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pftop.events import FaultKind, PlanInfo, ProcessKey, Records
from pftop.mappings import Mappings
from pftop.model.attribution import Attribution
from pftop.model.collect import COMPLETE_EVERY_S, HASTE_S, LINES_EVERY_S, MANY_LINES_EVERY_S, Collector
from pftop.model.early import BUSY_S
from pftop.model.snapshot import LogLine, Snapshot, Update
from tests.factories import make_plan
from tests.unit.fake_source import Clock, FakeLookup, FakeSource, mapping, pages

KEY = ProcessKey(7, 70)


def planned(name: str = "perf", *, vma_logged: bool = True) -> PlanInfo:
    plan = make_plan(name)
    return replace(plan, features=replace(plan.features, vma_logged=vma_logged))


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(Clock(), plan=planned())


def collector(source: FakeSource, **more: object) -> Collector:
    settings: dict[str, object] = {"interval_s": 1.0, "clock": source.clock, "wall": lambda: 5000.0}
    return Collector(source, FakeLookup((mapping(0x1000, 0x9000),)), **(settings | more))  # type: ignore[arg-type]


def until_tick(feed: Collector, steps: int = 200, timeout_s: float = 0.1) -> Snapshot:
    for _ in range(steps):
        snapshot = feed.step(timeout_s).snapshot
        if snapshot is not None:
            return snapshot
    raise AssertionError("no tick came")


def waited(feed: Collector, source: FakeSource, seconds: float) -> list[Update]:
    """What comes in so many seconds."""
    updates, until = [], source.clock.now + seconds
    while (left := until - source.clock.now) > 1e-9:
        assert len(updates) < 1000
        updates.append(feed.step(left))
    return updates


def waits(feed: Collector, source: FakeSource, timeout_s: float) -> float:
    """How long a step takes."""
    began = source.clock.now
    feed.step(timeout_s)
    return source.clock.now - began


def lines_of(updates: list[Update]) -> tuple[int, int]:
    return sum(len(update.lines) for update in updates), sum(update.not_shown for update in updates)


def test_a_snapshot_comes_when_it_is_due_and_not_before(source: FakeSource) -> None:
    feed = collector(source)
    began = source.clock.now
    assert feed.step(0.4).snapshot is None
    assert feed.step(0.4).snapshot is None
    # waits no longer than until the tick
    assert feed.step(0.4).snapshot is not None
    assert source.clock.now - began == pytest.approx(1.0)
    assert ("read", 0.2) in source.asked
    # the rings are emptied while the snapshot is made, without waiting
    assert source.asked[-1] == ("read", 0)
    assert until_tick(feed).seq == 2
    assert source.clock.now - began == pytest.approx(2.0)


def test_the_first_snapshot_may_come_sooner(source: FakeSource) -> None:
    feed, began = collector(source, first_after_s=0.25), source.clock.now
    until_tick(feed)
    assert source.clock.now - began == pytest.approx(0.25)
    until_tick(feed)
    assert source.clock.now - began == pytest.approx(1.25)


def test_it_never_comes_later_than_the_interval(source: FakeSource) -> None:
    feed, began = collector(source, interval_s=0.1, first_after_s=0.25), source.clock.now
    until_tick(feed)
    assert source.clock.now - began == pytest.approx(0.1)


def test_a_slightly_late_tick_keeps_the_beat(source: FakeSource) -> None:
    feed, began = collector(source), source.clock.now
    source.clock.now += 1.3
    assert feed.step(0).snapshot is not None
    until_tick(feed)
    assert source.clock.now - began == pytest.approx(2.0)


def test_a_very_late_tick_is_one_tick_and_not_a_row_of_them(source: FakeSource) -> None:
    feed = collector(source)
    source.clock.now += 7.5
    ticks = sum(feed.step(0.1).snapshot is not None for _ in range(9))
    assert ticks <= 2


def test_a_shorter_interval_holds_at_once(source: FakeSource) -> None:
    feed, began = collector(source, interval_s=60.0), source.clock.now
    feed.step(0.5)
    feed.set_interval(1.0)
    assert feed.interval_s == 1.0
    until_tick(feed)
    assert source.clock.now - began == pytest.approx(1.0)


def test_a_longer_interval_stretches_the_one_under_way(source: FakeSource) -> None:
    feed, began = collector(source), source.clock.now
    feed.step(0.5)
    feed.set_interval(3.0)
    until_tick(feed)
    assert source.clock.now - began == pytest.approx(3.0)


def test_all_figures_of_the_drill_down_are_of_one_moment(source: FakeSource) -> None:
    feed = collector(source)
    source.kernel.make(7, 7, 70)
    feed.focus(ProcessKey(7, 70))
    for ticks in (1, 2, 3):
        for _ in range(5):
            source.kernel.fault(7, latency=2000)
        found = until_tick(feed).detail
        assert found is not None
        assert found.all_latency.count == sum(found.minor_buckets) == 5 * ticks


def test_a_tick_can_be_had_now(source: FakeSource) -> None:
    feed = collector(source)
    feed.tick_now()
    assert feed.step(0.1).snapshot is not None


def test_faults_of_threads_that_end_between_ticks_are_in_the_next_one(source: FakeSource) -> None:
    feed = collector(source)
    source.kernel.make(7, 7, 70)
    source.kernel.fault(7)
    source.kernel.retire(7, group_dead=True)
    feed.step(0.1)
    (row,) = until_tick(feed).processes
    assert (row.minor, row.exited) == (1, True)


def test_what_comes_while_a_snapshot_is_made_is_the_next_intervals(source: FakeSource) -> None:
    feed = collector(source, lines_per_second=None)
    source.kernel.make(7, 7, 70)

    def end_late() -> None:
        if source.samples == 2 and 7 in source.kernel.threads:
            source.kernel.fault(7)
            source.kernel.retire(7, group_dead=True)

    source.on_read = end_late
    assert until_tick(feed).processes == ()
    (row,) = until_tick(feed).processes
    assert (row.minor, row.exited) == (1, True)


def test_the_wall_clock_is_read_once(source: FakeSource) -> None:
    feed = collector(source)
    first = until_tick(feed)
    assert first.time == pytest.approx(5000.0 + 1.0)
    assert until_tick(feed).time == pytest.approx(5002.0)


def test_focus_holds_from_the_next_snapshot_on_and_ends(source: FakeSource) -> None:
    feed = collector(source)
    source.kernel.make(7, 7, 70)
    source.kernel.fault(7)
    assert until_tick(feed).detail is None
    feed.focus(KEY)
    source.pages = pages((1, 3, 0, 30))
    found = until_tick(feed).detail
    assert found is not None
    assert (found.key, found.identity.exe) == (KEY, "/proc/7/exe")
    assert [(row.minor, row.stall_ns) for row in found.mappings] == [(3, 30)]
    found = until_tick(feed).detail
    assert found is not None
    assert [(row.minor, row.stall_ns) for row in found.mappings] == [(6, 60)]
    feed.focus(None)
    assert until_tick(feed).detail is None
    assert [entry for entry in source.asked if "focus" in str(entry)] == [("focus", 7), ("focus", None)]


def test_who_asks_while_a_step_waits_has_the_depth_with_its_tick(source: FakeSource) -> None:
    feed = collector(source)
    source.kernel.make(7, 7, 70)
    source.kernel.fault(7)
    until_tick(feed)

    def ask() -> None:
        source.on_read = lambda: None
        feed.focus(KEY)
        feed.tick_now()

    source.on_read = ask
    snapshot = feed.step(0.5).snapshot
    assert snapshot is not None
    assert snapshot.detail is not None
    assert snapshot.detail.key == KEY


def test_another_focus_begins_its_counts_anew(source: FakeSource) -> None:
    feed = collector(source)
    for pid in (7, 8):
        source.kernel.make(pid, pid, 10 * pid)
        source.kernel.fault(pid)
    source.pages = pages((1, 3, 0, 30))
    feed.focus(KEY)
    until_tick(feed)
    feed.focus(ProcessKey(8, 80))
    found = until_tick(feed).detail
    assert found is not None
    assert [row.minor for row in found.mappings] == [3]


def test_a_focus_on_a_process_never_seen_shows_none(source: FakeSource) -> None:
    feed = collector(source)
    feed.focus(ProcessKey(99, 1))
    assert until_tick(feed).detail is None


def test_logged_faults_become_lines_with_the_time_of_the_fault(source: FakeSource) -> None:
    feed = collector(source)
    source.log(3, address=0x1000)
    updates = [feed.step(0.1) for _ in range(5)]
    assert lines_of(updates) == (3, 0)
    line = next(line for update in updates for line in update.lines)
    assert line.time == pytest.approx(4998.0, abs=1e-6)
    assert line.mapping is not None


def test_stacks_are_kept_until_the_lines_that_want_them_were_made(source: FakeSource) -> None:
    feed = collector(source)
    source.log(1, kind=FaultKind.INVALID, ip=0x2000, stack_id=3)
    lines: tuple[LogLine, ...] = ()
    while not lines:
        assert "forget stacks" not in source.asked
        lines = feed.step(0.1).lines
    assert lines[0].stack
    assert "forget stacks" in source.asked


def test_causes_are_found_for_many_at_once_and_before_they_are_booked(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    completed = []

    def complete(attribution: Attribution, events: Records) -> Records:
        completed.append(len(events))
        return told(attribution, events)

    told = Attribution.complete
    monkeypatch.setattr(Attribution, "complete", complete)
    feed = collector(source, log=False)
    source.log(1)
    feed.step(0)
    for _ in range(3):
        source.log(5)
        feed.step(COMPLETE_EVERY_S / 5)
    assert completed == [1]
    waited(feed, source, COMPLETE_EVERY_S)
    assert completed == [1, 15]
    source.log(7)
    feed.tick_now()
    assert feed.step(0).snapshot is not None
    assert completed == [1, 15, 7]


def test_only_who_is_new_must_not_wait_for_its_causes(source: FakeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    completed = []

    def complete(attribution: Attribution, events: Records) -> Records:
        completed.append(len(events))
        return told(attribution, events)

    told = Attribution.complete
    monkeypatch.setattr(Attribution, "complete", complete)
    feed = collector(source, log=False)
    source.log(5)
    feed.step(0)
    assert completed == [5]
    source.log(7)
    feed.step(COMPLETE_EVERY_S / 5)
    assert completed == [5]
    # its faults take along those that wait
    source.log(2, tgid=8)
    feed.step(COMPLETE_EVERY_S / 5)
    assert completed == [5, 9]
    source.log(3, tgid=8)
    feed.step(COMPLETE_EVERY_S / 5)
    assert completed == [5, 9]


def test_more_than_anyone_can_read_is_not_shown_but_counted(source: FakeSource) -> None:
    feed = collector(source, lines_per_second=50)
    updates = []
    for _ in range(20):
        source.log(100)
        updates.append(feed.step(0.1))
    updates.append(feed.step(0.3))
    shown, not_shown = lines_of(updates)
    assert shown + not_shown == 2000
    assert 50 <= shown <= 50 * 2.3 + 1


def test_without_a_bound_a_tick_brings_every_line_of_its_sample(source: FakeSource) -> None:
    feed = collector(source, lines_per_second=None)
    source.log(1)
    feed.step(0.3)
    source.log(3000)
    feed.tick_now()
    update = feed.step(0.1)
    assert update.snapshot is not None
    assert (len(update.lines), update.not_shown) == (3000, 0)


def test_of_too_many_the_rare_kinds_are_shown(source: FakeSource) -> None:
    feed = collector(source, lines_per_second=10)
    source.log(500)
    source.log(1, kind=FaultKind.MAJOR)
    updates = waited(feed, source, MANY_LINES_EVERY_S)
    assert [line.kind for update in updates for line in update.lines].count(FaultKind.MAJOR) == 1


def test_of_too_many_those_of_preferred_processes_are_shown(source: FakeSource) -> None:
    feed = collector(source, lines_per_second=10)
    feed.prefer(frozenset({4}))
    source.log(3, tgid=4)
    source.log(500)
    updates = waited(feed, source, MANY_LINES_EVERY_S)
    assert [line.key.pid for update in updates for line in update.lines].count(4) == 3


@pytest.mark.parametrize(("logged", "after_s"), [(25, LINES_EVERY_S), (26, MANY_LINES_EVERY_S)])
def test_what_cannot_be_read_anyway_comes_half_as_often(source: FakeSource, logged: int, after_s: float) -> None:
    feed = collector(source, lines_per_second=100)
    source.log(logged)
    early, due = waited(feed, source, after_s - 0.01), waited(feed, source, 0.01)
    assert (lines_of(early), sum(lines_of(due))) == ((0, 0), logged)


@pytest.mark.parametrize(
    ("plan", "patience_s"),
    [
        pytest.param(planned("perf", vma_logged=False), HASTE_S, id="mappings are read"),
        pytest.param(planned("perf"), 0.4, id="they are looked for by the programs"),
        pytest.param(planned("fentry", vma_logged=False), 0.4, id="they are seen by the programs"),
        pytest.param(planned("proc", vma_logged=False), 0.4, id="nothing is logged"),
    ],
)
def test_steps_are_short_where_mappings_must_be_read_in_time(
    source: FakeSource, plan: PlanInfo, patience_s: float
) -> None:
    source.plan = plan
    assert waits(collector(source), source, 0.4) == pytest.approx(patience_s)


def test_steps_are_short_while_processes_are_new(source: FakeSource) -> None:
    feed = collector(source, interval_s=60.0)
    assert waits(feed, source, 0.4) == pytest.approx(0.4)
    source.log(1)
    feed.step(0)
    assert waits(feed, source, 0.4) == pytest.approx(HASTE_S)
    waited(feed, source, BUSY_S)
    assert waits(feed, source, 0.4) == pytest.approx(0.4)
    feed.set_log(False)
    source.log(1, tgid=9)
    feed.step(0)
    assert waits(feed, source, 0.4) == pytest.approx(0.4)


def test_a_step_ends_when_lines_are_due(source: FakeSource) -> None:
    feed = collector(source, interval_s=60.0)
    source.log(1)
    feed.step(0)
    waited(feed, source, 2 * BUSY_S)
    source.log(1)
    feed.step(LINES_EVERY_S)
    source.log(1)
    feed.step(0)
    began, came = source.clock.now, 0
    while not came:
        came = len(feed.step(10).lines)
    assert source.clock.now - began == pytest.approx(LINES_EVERY_S)


def test_who_wants_something_now_ends_the_wait(source: FakeSource) -> None:
    feed = collector(source)
    for wish in (feed.tick_now, feed.wake, lambda: feed.set_interval(0.5)):
        source.asked.clear()
        wish()
        assert source.asked == ["wake"]


def test_a_log_that_is_off_makes_no_lines(source: FakeSource) -> None:
    feed = collector(source, log=False)
    source.log(5)
    assert lines_of([feed.step(0.5), feed.step(0.5)]) == (0, 0)
    feed.set_log(True)
    source.log(5)
    assert lines_of([feed.step(0.5), feed.step(0.5)]) == (5, 0)
    feed.set_log(False)
    source.log(5)
    assert lines_of([feed.step(0.5), feed.step(0.5)]) == (0, 0)


class NotedLookup(FakeLookup):
    """Notes whose mappings it is asked for."""

    def __init__(self) -> None:
        super().__init__((mapping(0x1000, 0x9000),))
        self.asked: list[int] = []

    def mappings(self, key: ProcessKey) -> Mappings:
        self.asked.append(key.pid)
        return super().mappings(key)


def test_mappings_are_asked_for_before_there_are_lines_and_only_if_there_will_be_any(source: FakeSource) -> None:
    # this plan needs them for nothing else
    source.plan, lookup = make_plan("fentry"), NotedLookup()
    feed = Collector(source, lookup, clock=source.clock, wall=lambda: 5000.0)
    feed.set_log(False)
    source.log(5)
    feed.step(0.01)
    assert lookup.asked == []
    feed.set_log(True)
    source.log(5)
    assert not feed.step(0.01).lines
    assert len(lookup.asked) == 1


def test_a_plan_without_a_log_has_none_whatever_is_asked(source: FakeSource) -> None:
    source.plan = make_plan("proc")
    feed = collector(source)
    feed.set_log(True)
    source.log(5)
    assert lines_of([feed.step(0.5), feed.step(0.5)]) == (0, 0)


def test_messages_and_the_plan_are_handed_on(source: FakeSource) -> None:
    feed = collector(source)
    source.said.append(make_plan().host)
    assert feed.step(0.1).messages == ("box",)
    assert feed.step(0.1).messages == ()
    assert feed.plan is source.plan
    feed.close()
    assert source.asked[-1] == "close"


def test_a_very_late_tick_is_not_followed_by_one_at_once(source: FakeSource) -> None:
    feed = collector(source)
    source.clock.now += 7.5
    assert feed.step(0).snapshot is not None
    assert feed.step(0.1).snapshot is None
