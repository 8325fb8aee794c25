"""Logged faults as lines: which are chosen when there are too many, and what each says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pftop.causes import NUMBER
from pftop.events import Access, FaultKind, Records
from pftop.model.lines import KERNEL_MODE, LATENCY_KNOWN, REMOTE, VMA_FOUND, VMA_KNOWN, resolve, select
from pftop.model.snapshot import LogLine
from pftop.source import wire
from tests.unit.fake_kernel import joined, make_event
from tests.unit.fake_source import Clock, FakeLookup, FakeSource, mapping


def line_of(event: Records, lookup: FakeLookup | None = None, boot_time_s: float = 0.0) -> LogLine:
    (line,) = resolve(event, lookup or FakeLookup(), boot_time_s, FakeSource(Clock()).stack)
    return line


def test_few_events_are_all_kept_in_time_order() -> None:
    events = joined([make_event(ts_ns=t) for t in (5, 3, 9)], "fault_event")
    assert select(events, 3, None)["ts_ns"].tolist() == [3, 5, 9]
    assert len(select(wire.empty("fault_event"), 3, None)) == 0


def test_of_many_those_worth_reading_come_first_then_the_latest() -> None:
    events = joined(
        [make_event(ts_ns=t, kind=FaultKind.MINOR, tgid=1) for t in range(10)]
        + [make_event(ts_ns=2, kind=FaultKind.MAJOR, tgid=1), make_event(ts_ns=0, kind=FaultKind.INVALID, tgid=1)]
        + [make_event(ts_ns=1, kind=FaultKind.MINOR, tgid=44)],
        "fault_event",
    )
    chosen = select(events, 5, 44)
    assert chosen["ts_ns"].tolist() == [0, 1, 2, 8, 9]
    assert chosen["tgid"].tolist() == [1, 44, 1, 1, 1]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3), st.integers(1, 3)), max_size=40),
    st.integers(1, 20),
    st.sampled_from([None, frozenset({3}), frozenset({1, 2}), frozenset[int]()]),
)
def test_a_choice_is_bounded_ordered_and_drops_no_better_one(
    rows: list[tuple[int, int, int]], most: int, preferred: frozenset[int] | None
) -> None:
    events = joined([make_event(ts_ns=t, kind=k, tgid=p, tid=n) for n, (t, k, p) in enumerate(rows)], "fault_event")
    chosen = select(events, most, 2, preferred)
    times = chosen["ts_ns"].tolist()
    assert times == sorted(times)
    assert len(chosen) == min(most, len(rows))
    focused = [row for row in rows if row[2] == 2]
    assert int((chosen["tgid"] == 2).sum()) >= min(most // 2, len(focused))
    # whoever was left out is no better than any that is in and is not there for the focus
    numbers = set(chosen["tid"].tolist())
    worth = [(preferred is not None and p in preferred, k != FaultKind.MINOR, t) for t, k, p in rows]
    left_out = [worth[n] for n in range(len(rows)) if n not in numbers]
    taken = [worth[n] for n in sorted(numbers) if rows[n][2] != 2]
    assert not left_out or not taken or max(left_out) <= min(taken) or len(focused) > most // 2


def test_lines_of_those_who_are_shown_come_before_all_others() -> None:
    loud = [make_event(ts_ns=t, kind=FaultKind.INVALID, tgid=1) for t in range(100, 200)]
    quiet = [make_event(ts_ns=t, tgid=2) for t in range(5)]
    chosen = select(joined([*loud, *quiet], "fault_event"), 10, None, frozenset({2}))
    assert chosen["tgid"].tolist() == [2] * 5 + [1] * 5


def test_the_focused_process_has_its_share_beside_one_with_nothing_but_invalid_faults() -> None:
    loud = [make_event(ts_ns=t, kind=FaultKind.INVALID, tgid=1) for t in range(100, 200)]
    quiet = [make_event(ts_ns=t, tgid=2) for t in range(50)]
    chosen = select(joined([*loud, *quiet], "fault_event"), 10, 2)
    assert chosen["tgid"].tolist() == [2] * 5 + [1] * 5


def test_a_focused_process_leaves_half_of_the_log_to_the_others() -> None:
    events = joined([make_event(ts_ns=t, tgid=2) for t in range(10, 30)], "fault_event")
    others = joined([make_event(ts_ns=t, tgid=1) for t in range(100, 140)], "fault_event")
    chosen = select(np.concatenate([events, others]), 10, 2)
    assert chosen["ts_ns"].tolist() == [25, 26, 27, 28, 29, 135, 136, 137, 138, 139]


def test_a_line_says_all_that_is_known() -> None:
    event = make_event(
        ts_ns=2_500_000_000,
        latency_ns=4000,
        address=0x5123,
        ip=0x400,
        error_code=6,
        skipped=12,
        kind=FaultKind.MAJOR,
        access=Access.WRITE,
        flags=LATENCY_KNOWN,
        tid=9,
        comm=b"a\nb\0old",
        cause=NUMBER["file-read"],
    )
    line = line_of(event, FakeLookup((mapping(0x5000, 0x6000, "/lib/y"),)), 100.0)
    assert (line.time, line.key, line.tid, line.comm) == (102.5, (7, 70), 9, "a\\nb")
    assert (line.kind, line.access, line.kernel_mode) == (FaultKind.MAJOR, Access.WRITE, False)
    assert (line.latency_ns, line.address, line.ip, line.error_code, line.skipped) == (4000, 0x5123, 0x400, 6, 12)
    assert line.mapping is not None
    assert (line.mapping.name, line.symbol, line.cause) == ("/lib/y", "user+0x400", "file-read")
    assert (line.lock_wait_ns, line.vma, line.mm_calls, line.remote) == (None, None, None, False)


def test_what_is_not_known_is_none() -> None:
    line = line_of(make_event(kind=FaultKind.FAILED, latency_ns=99))
    assert (line.latency_ns, line.mapping, line.symbol) == (None, None, None)


def test_a_kernel_mode_fault_has_a_kernel_symbol() -> None:
    line = line_of(make_event(flags=KERNEL_MODE, ip=5))
    assert (line.kernel_mode, line.symbol) == (True, "kernel+0x5")


def test_an_invalid_fault_has_its_signal() -> None:
    line = line_of(make_event(kind=FaultKind.INVALID, signal=11, si_code=-6))
    assert (line.kind, line.signal, line.si_code) == (FaultKind.INVALID, 11, -6)


def test_what_the_vma_told_is_there_only_where_it_was_read() -> None:
    fields = {"vma_start": 0x1000, "vma_end": 0x2000, "vma_flags": 3, "mm_calls": 2, "lock_wait_ns": 8}
    line = line_of(make_event(flags=VMA_KNOWN | REMOTE, **fields))
    assert (line.vma, line.mm_calls, line.lock_wait_ns, line.remote) == ((0x1000, 0x2000, 3), 2, 8, True)


def test_a_vma_that_was_looked_for_tells_nothing_of_how_the_fault_was_handled() -> None:
    fields = {"vma_start": 0x1000, "vma_end": 0x2000, "vma_flags": 3, "mm_calls": 2, "lock_wait_ns": 8}
    line = line_of(make_event(flags=VMA_FOUND, **fields))
    assert (line.vma, line.mm_calls, line.lock_wait_ns, line.mm_flags) == ((0x1000, 0x2000, 3), None, None, None)


@pytest.mark.parametrize(
    ("start", "end", "is_named"),
    [(0x1000, 0x3000, True), (0x2000, 0x9000, True), (0x3000, 0x4000, False), (0, 0x1000, False)],
)
def test_a_mapping_that_the_vma_does_not_lie_in_names_nothing(start: int, end: int, is_named: bool) -> None:
    event = make_event(flags=VMA_FOUND, address=0x2000, vma_start=start, vma_end=end)
    line = line_of(event, FakeLookup((mapping(0x1000, 0x3000),)))
    assert (line.mapping is not None) == is_named


def test_the_largest_addresses_fit() -> None:
    line = line_of(make_event(address=2**64 - 1, ip=2**64 - 1))
    assert line.address == line.ip == 2**64 - 1


def test_an_invalid_fault_has_its_callers_and_what_lies_around_it() -> None:
    below, above, far = mapping(0x1000, 0x2000), mapping(0x5000, 0x6000, "/lib/y"), mapping(0x9000, 0xA000)
    event = make_event(kind=FaultKind.INVALID, address=0x3000, ip=0x2000, stack_id=3)
    line = line_of(event, FakeLookup((below, above, far)))
    assert line.neighbours == (below, above)
    assert [(frame.ip, frame.symbol, frame.mapping) for frame in line.stack] == [
        (0x2000, "user+0x2000", None),
        (0x5010, "user+0x5010", above),
    ]


def test_the_stack_of_another_fault_is_not_taken_for_this_ones() -> None:
    event = make_event(kind=FaultKind.INVALID, address=0x3000, ip=0x1FFF, stack_id=3)
    assert line_of(event, FakeLookup(())).stack == ()


def test_an_address_below_or_above_everything_has_one_neighbour() -> None:
    only = mapping(0x1000, 0x2000)
    for address, expected in ((0, (None, only)), (0x2000, (only, None))):
        event = make_event(kind=FaultKind.INVALID, address=address, stack_id=-1)
        line = line_of(event, FakeLookup((only,)))
        assert (line.neighbours, line.stack) == (expected, ())
    assert line_of(make_event(kind=FaultKind.INVALID)).neighbours == (None, None)
