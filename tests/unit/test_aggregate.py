"""From samples to snapshots: rows, ends, both ledgers, coverage, in every random history of threads."""

from __future__ import annotations

import pytest

from pftop.causes import NUMBER
from pftop.events import FaultKind, ProcessInfo, ProcessKey, VmStat
from pftop.model.aggregate import KEEP_EXITED_NS, Aggregator, Tick
from pftop.model.histogram import bucket_of
from pftop.model.process import TREND_LENGTH
from pftop.model.snapshot import Latency, Ledger, ProcessRow, Snapshot
from pftop.text import Safe
from tests.factories import make_plan
from tests.unit.fake_kernel import FAMILY, FakeKernel, perf_plan

MINOR, MAJOR, FAILED, INVALID = FaultKind


def infos(tick: Tick, dead: frozenset[int] = frozenset()) -> dict[ProcessKey, ProcessInfo]:
    return {key: ProcessInfo(Safe("me"), comm, 1, key.pid not in dead) for key, comm, _ in tick.wanted}


def advance(books: Aggregator, kernel: FakeKernel, dead: frozenset[int] = frozenset()) -> Snapshot:
    tick = books.take(kernel.sample())
    return books.finish(tick, infos(tick, dead), 0.0)


def started(kernel: FakeKernel | None = None) -> tuple[FakeKernel, Aggregator]:
    kernel = kernel or FakeKernel()
    return kernel, Aggregator(perf_plan(), kernel.sample())


def row_of(snapshot: Snapshot, pid: int) -> ProcessRow:
    (row,) = [row for row in snapshot.processes if row.pid == pid]
    return row


def test_a_row_has_the_intervals_faults_and_the_sums_since_start() -> None:
    kernel, books = started()
    kernel.make(7, 7, 70)
    for kind in (MINOR, MINOR, MAJOR, FAILED, INVALID):
        kernel.fault(7, kind, 1000, access=1)
    row = row_of(advance(books, kernel), 7)
    assert (row.minor, row.major, row.failed, row.invalid) == (2, 1, 2, 1)
    assert (row.read, row.write, row.exec) == (0, 5, 0)
    kernel.fault(7, MINOR, 5000)
    row = row_of(advance(books, kernel), 7)
    assert (row.minor, row.major, row.failed, row.invalid) == (1, 0, 0, 0)
    assert (row.minor_total, row.major_total, row.failed_total, row.invalid_total) == (3, 1, 2, 1)
    assert (row.stall_ns, row.stall_total_ns) == (5000, 8000)
    quiet = row_of(advance(books, kernel), 7)
    assert (quiet.minor, quiet.minor_total, quiet.threads) == (0, 3, ())


def test_latency_of_the_interval_is_not_that_since_start() -> None:
    kernel, books = started()
    kernel.make(7, 7, 70)
    kernel.fault(7, MINOR, 900_000)
    first = row_of(advance(books, kernel), 7)
    kernel.fault(7, MINOR, 500)
    second = row_of(advance(books, kernel), 7)
    assert first.latency is not None
    assert second.latency is not None
    assert second.latency_total is not None
    assert (first.latency.count, first.latency.max_ns) == (1, 900_000)
    assert second.latency.count == 1
    assert second.latency.max_ns is not None
    assert 500 <= second.latency.max_ns <= 512
    assert (second.latency_total.count, second.latency_total.min_ns) == (2, 500)
    assert second.latency_total.max_ns == 900_000


@pytest.mark.parametrize("kind", ["major", "failed"])
def test_a_fault_that_turns_out_not_to_be_minor_is_taken_back_in_the_next_interval(kind: str) -> None:
    kernel, books = started()
    kernel.make(7, 7, 70)
    kernel.fault(7, MINOR, 900)
    advance(books, kernel)
    record, bucket = kernel.threads[7], bucket_of(900)
    record["minor"] -= 1
    record["minor_buckets"][0, bucket] -= 1
    record[kind] += 1
    if kind == "major":
        kernel.rare(7)["major_buckets"][0, bucket] += 1
        record["major_max_ns"] = record["major_min_ns"] = record["major_sum_ns"] = 900
    else:
        record["latency_sum_ns"] -= 900
    snapshot = advance(books, kernel)
    row = row_of(snapshot, 7)
    assert (row.minor, row.minor_total) == (-1, 0)
    assert (row.major_total, row.failed_total) == ((1, 0) if kind == "major" else (0, 1))
    assert row.latency_total is not None
    assert row.latency_total.count == (kind == "major")
    assert (row.latency, snapshot.latency) == (Latency(0), Latency(0))
    assert snapshot.ledger is not None
    assert (snapshot.ledger.seen_off, snapshot.ledger.log_off) == (0, 0)


def test_threads_are_rows_of_their_process_where_they_are_asked_for() -> None:
    kernel = FakeKernel()
    books = Aggregator(perf_plan(), kernel.sample(), threads=True)
    for tid in (7, 8, 9):
        kernel.make(tid, 7, 70, comm=b"worker" if tid > 7 else b"leader")
        for _ in range(tid):
            kernel.fault(tid, MINOR, 10)
    row = row_of(advance(books, kernel), 7)
    assert {(t.tid, t.minor, t.stall_ns) for t in row.threads} == {(7, 7, 70), (8, 8, 80), (9, 9, 90)}
    assert (row.comm, row.minor) == ("leader", 24)


def test_a_process_is_called_as_its_first_thread_is_now() -> None:
    kernel, books = started()
    kernel.make(8, 7, 70, comm=b"worker")
    kernel.fault(8)
    assert row_of(advance(books, kernel), 7).comm == "worker"
    kernel.make(7, 7, 70, comm=b"before")
    kernel.fault(7)
    assert row_of(advance(books, kernel), 7).comm == "before"
    kernel.threads[7]["comm"] = b"after-exec"
    kernel.threads[7]["uid"] = 33
    kernel.fault(7)
    kernel.fault(8)
    row = row_of(advance(books, kernel), 7)
    assert (row.comm, row.uid) == ("after-exec", 33)


def test_a_reused_pid_is_a_second_row() -> None:
    kernel, books = started()
    kernel.make(7, 7, 70)
    kernel.fault(7)
    kernel.retire(7, group_dead=True)
    kernel.make(7, 7, 71)
    kernel.fault(7)
    kernel.fault(7)
    rows = advance(books, kernel).processes
    assert sorted((r.key.start_ns, r.minor, r.exited) for r in rows) == [(70, 1, True), (71, 2, False)]


def test_an_ended_process_is_shown_a_while_and_then_told_of_in_the_sum() -> None:
    kernel, books = started()
    kernel.make(7, 7, 70)
    for kind in (MINOR, MAJOR, FAILED):
        kernel.fault(7, kind)
    kernel.retire(7, group_dead=True)
    shown = advance(books, kernel)
    row = row_of(shown, 7)
    assert (row.exited, row.exited_at_ns, row.info.alive) == (True, shown.ts_ns, False)
    assert shown.totals_since_start.ended == 0
    for _ in range(KEEP_EXITED_NS // 10**9):
        shown = advance(books, kernel)
        assert row_of(shown, 7).exited_at_ns == row.exited_at_ns
    # dropped at the end of the tick in which it was last shown
    advance(books, kernel)
    shown = advance(books, kernel)
    assert shown.processes == ()
    assert shown.totals_since_start.ended == 3
    assert shown.totals_since_start.minor == 1
    assert (shown.ledger.seen_off, shown.ledger.slack) == (0, 0)


def test_a_process_that_proc_no_longer_has_is_ended() -> None:
    kernel, books = started()
    kernel.make(7, 7, 70)
    kernel.fault(7)
    advance(books, kernel)
    assert row_of(advance(books, kernel, frozenset({7})), 7).exited


def test_a_thread_that_ended_before_the_first_sample_is_booked() -> None:
    kernel = FakeKernel()
    kernel.make(7, 7, 70)
    kernel.fault(7)
    kernel.retire(7, group_dead=True)
    kernel, books = started(kernel)
    shown = advance(books, kernel)
    assert (shown.ledger.seen_off, row_of(shown, 7).minor_total) == (0, 1)


def test_the_followed_family_stays_to_the_end() -> None:
    kernel, books = started()
    kernel.make(7, 7, 70, flags=FAMILY)
    kernel.fault(7)
    kernel.retire(7, group_dead=True)
    for _ in range(20):
        shown = advance(books, kernel)
    row = row_of(shown, 7)
    assert (row.family, row.exited, row.minor_total) == (True, True, 1)


def test_name_and_user_are_what_proc_says_where_it_does() -> None:
    kernel, books = started()
    # not the first thread, which never faults
    kernel.make(8, 7, 70, comm=b"worker")
    kernel.threads[8]["uid"] = 0
    kernel.fault(8)
    tick = books.take(kernel.sample())
    told = ProcessInfo(Safe("me"), Safe("server -d"), uid=33, comm=Safe("server"))
    row = row_of(books.finish(tick, {ProcessKey(7, 70): told}, 0.0), 7)
    assert (row.comm, row.uid) == ("server", 33)
    kernel.fault(8)
    row = row_of(advance(books, kernel), 7)
    assert (row.comm, row.uid) == ("server", 33)


def test_a_command_line_once_read_outlives_its_process() -> None:
    kernel, books = started()
    kernel.make(7, 7, 70)
    kernel.fault(7)
    tick = books.take(kernel.sample())
    books.finish(tick, {ProcessKey(7, 70): ProcessInfo(Safe("me"), Safe("cc -c x.c"))}, 0.0)
    kernel.retire(7, group_dead=True)
    assert row_of(advance(books, kernel), 7).info.command == "cc -c x.c"


def test_the_trend_is_bounded() -> None:
    kernel, books = started()
    kernel.make(7, 7, 70)
    for _ in range(TREND_LENGTH + 5):
        kernel.fault(7)
        shown = advance(books, kernel)
    assert len(row_of(shown, 7).trend) == TREND_LENGTH
    assert len(shown.history) == TREND_LENGTH + 5


def test_what_the_first_reading_held_is_in_no_interval_but_in_the_sums() -> None:
    kernel = FakeKernel()
    for tid in (7, 8):
        kernel.make(tid, tid, 10 * tid)
        kernel.fault(tid, latency=3000)
    _, books = started(kernel)
    kernel.fault(7, latency=5000)
    shown = advance(books, kernel)
    assert (shown.totals.seen, shown.totals.minor, shown.totals_since_start.minor) == (1, 1, 3)
    first, second = row_of(shown, 7), row_of(shown, 8)
    assert (first.minor, first.minor_total, second.minor, second.minor_total) == (1, 2, 0, 1)
    latencies = first.latency, first.latency_total, second.latency_total
    assert [found and found.count for found in latencies] == [1, 2, 1]
    assert shown.ledger.seen_off == 0


def test_an_interval_names_no_more_causes_than_it_has_faults() -> None:
    kernel, books = started()
    kernel.make(7, 7, 70)
    for _ in range(3):
        kernel.fault(7, latency=2000)
    advance(books, kernel)
    kernel.fault(7, latency=2000)
    tick = books.take(kernel.sample())
    # three of them are of the interval before: their lines came after it
    books.refine({(ProcessKey(7, 70), NUMBER["cow"]): (4, 8000)})
    row = row_of(books.finish(tick, infos(tick), 0.0), 7)
    assert row.causes == {"cow": 1}
    assert row.causes_total == {"cow": 4}


def test_however_many_are_busy_quiet_ones_are_looked_at_in_turn() -> None:
    kernel, books = started()
    for pid in range(1, 301):
        kernel.make(pid, pid, 10 * pid)
        kernel.fault(pid)
    advance(books, kernel)
    seen: set[int] = set()
    for _ in range(4):
        for pid in range(1, 101):
            kernel.fault(pid)
        tick = books.take(kernel.sample(), describe_most=100)
        seen |= {key.pid for key, _, _ in tick.wanted}
        books.finish(tick, infos(tick), 0.0)
    assert seen == set(range(1, 301))


def test_a_fault_under_way_is_in_flight_and_later_in_a_row() -> None:
    kernel, books = started()
    kernel.make(7, 7, 70)
    kernel.begin(7)
    shown = advance(books, kernel)
    assert (shown.totals.in_flight, shown.ledger.seen_off, shown.processes) == (1, 0, ())
    kernel.end(7, MAJOR, 10**9)
    shown = advance(books, kernel)
    assert (shown.totals.in_flight, shown.ledger.seen_off, row_of(shown, 7).major) == (0, 0, 1)


def test_a_fault_under_way_whose_thread_ended_right_after_is_in_its_row_alone() -> None:
    kernel, books = started()
    for tid in (7, 8):
        kernel.make(tid, 7, 70)
        kernel.begin(tid)
    tick = books.take(kernel.sample(after_map=lambda: kernel.retire(8)))
    shown = books.finish(tick, infos(tick), 0.0)
    assert (shown.totals.in_flight, shown.totals.failed, shown.ledger.seen_off) == (1, 1, 0)


def test_while_a_fault_is_under_way_a_cpu_may_be_caught_between_two_additions() -> None:
    kernel, books = started()
    assert advance(books, kernel).ledger.slack == 0
    kernel.make(7, 7, 70)
    kernel.begin(7)
    assert advance(books, kernel).ledger.slack == make_plan().cpus
    kernel.end(7, MINOR, 1000)
    assert advance(books, kernel).ledger.slack == 0


def test_an_unattributed_fault_and_one_of_ours_are_in_the_books() -> None:
    kernel, books = started()
    kernel.count(seen=5, own_seen=2, own_minor=2, unattributed=3)
    shown = advance(books, kernel)
    assert (shown.totals.own, shown.totals.unattributed, shown.totals.seen) == (2, 3, 5)
    assert shown.ledger.balanced
    assert shown.ledger.seen_off == 0


def test_books_that_do_not_come_out_even_say_so() -> None:
    kernel, books = started()
    kernel.count(seen=1, completed=2, logged=1)
    at_once, ledger = advance(books, kernel).ledger, advance(books, kernel).ledger
    # a CPU may be caught between two additions; but not for long
    assert (at_once.seen_off, at_once.log_off, at_once.slack) == (1, 1, make_plan().cpus)
    assert (ledger.seen_off, ledger.log_off, ledger.slack, ledger.balanced) == (1, 1, 0, False)


def test_books_that_are_off_by_more_than_cpus_may_hold_up_say_so_at_once() -> None:
    kernel, books = started()
    kernel.count(seen=make_plan().cpus + 1)
    assert not advance(books, kernel).ledger.balanced


@pytest.mark.parametrize("name", ["seen", "completed"])
def test_a_difference_that_grows_is_none_that_goes_away(name: str) -> None:
    kernel, books = started()
    kernel.count(**{name: 1})
    assert advance(books, kernel).ledger.balanced
    kernel.count(**{name: 1})
    assert not advance(books, kernel).ledger.balanced


def test_a_difference_that_is_gone_and_comes_back_is_new() -> None:
    kernel, books = started()
    for seen in (1, -1, 1):
        kernel.count(seen=seen)
        assert advance(books, kernel).ledger.balanced
    kernel.count(completed=1)
    assert not advance(books, kernel).ledger.balanced


def busily(books: Aggregator, kernel: FakeKernel, **off: int) -> Ledger:
    """The ledger of a reading during which a fault is counted, and so much else without the rest of the books."""

    def meanwhile() -> None:
        kernel.count(seen=1, own_seen=1, own_minor=1)
        kernel.count(**off)

    tick = books.take(kernel.sample(after_map=meanwhile))
    return books.finish(tick, infos(tick), 0.0).ledger


def test_a_difference_while_faults_go_on_does_not_make_the_next_one_an_old_one() -> None:
    kernel, books = started()
    assert busily(books, kernel, seen=1).seen_off == 1
    assert advance(books, kernel).ledger.balanced
    assert not advance(books, kernel).ledger.balanced


def test_a_fault_that_is_lost_for_good_is_told_however_busy_it_is_between() -> None:
    kernel, books = started()
    kernel.count(seen=1)
    assert advance(books, kernel).ledger.balanced
    assert all(busily(books, kernel).balanced for _ in range(3))
    assert not advance(books, kernel).ledger.balanced


def test_a_reading_that_is_even_while_faults_go_on_proves_that_none_is_lost() -> None:
    kernel, books = started()
    kernel.count(seen=1)
    assert advance(books, kernel).ledger.balanced
    kernel.count(seen=-1)
    even = busily(books, kernel)
    assert (even.seen_off, even.slack) == (0, make_plan().cpus + 1)
    kernel.count(seen=1)
    assert advance(books, kernel).ledger.balanced


def test_totals_are_the_intervals_and_the_sums_since_start_are_not() -> None:
    kernel, books = started()
    kernel.make(7, 7, 70)
    kernel.vmstat = VmStat(100, 10)
    kernel.fault(7)
    advance(books, kernel)
    kernel.fault(7, MAJOR)
    kernel.vmstat = VmStat(104, 11)
    shown = advance(books, kernel)
    assert (shown.totals.minor, shown.totals.major, shown.totals.seen) == (0, 1, 1)
    assert (shown.totals.vmstat_pgfault, shown.totals.vmstat_pgmajfault) == (4, 1)
    assert (shown.totals_since_start.minor, shown.totals_since_start.seen) == (1, 2)


def test_coverage_is_what_was_seen_of_the_kernels_own_count() -> None:
    kernel = FakeKernel(vmstat=VmStat(1000, 0))
    kernel.make(7, 7, 70)
    kernel.fault(7)
    kernel, books = started(kernel)
    for _ in range(3):
        kernel.fault(7)
    kernel.count(seen=1, own_seen=1, own_minor=1)
    kernel.vmstat = VmStat(1005, 0)
    assert advance(books, kernel).coverage == 4 / 5


def test_the_proc_plan_leaves_what_it_cannot_tell_unknown() -> None:
    kernel = FakeKernel()
    books = Aggregator(make_plan("proc"), kernel.sample())
    kernel.make(7, 7, 70)
    kernel.threads[7]["minor"] = 4
    shown = advance(books, kernel)
    row, totals = row_of(shown, 7), shown.totals
    unknown = (row.failed, row.invalid, row.read, row.write, row.exec, row.kernel_mode, row.stall_ns, row.latency)
    assert unknown == (None,) * 8
    assert (row.minor, totals.minor, totals.seen) == (4, 4, 4)
    assert (totals.failed, totals.invalid, totals.in_flight, totals.unattributed) == (None,) * 4
    assert (totals.latency_sum_ns, shown.latency, shown.coverage) == (None,) * 3


def test_under_the_proc_plan_a_process_that_vanished_has_ended() -> None:
    kernel = FakeKernel()
    books = Aggregator(make_plan("proc"), kernel.sample())
    kernel.make(7, 7, 70)
    kernel.threads[7]["minor"] = 4
    advance(books, kernel)
    del kernel.threads[7]
    assert row_of(advance(books, kernel), 7).exited


@pytest.mark.parametrize("start_ns", [77_123_456, 0], ids=["", "without BTF"])
def test_a_process_asked_for_has_a_row_before_it_faults_and_one_row_after(start_ns: int) -> None:
    kernel = FakeKernel()
    asked = (ProcessKey(7, 70_000_000), Safe("quiet"), 0)
    books = Aggregator(perf_plan(), kernel.sample(), pids=[asked])
    assert row_of(advance(books, kernel), 7).comm == "quiet"
    kernel.make(7, 7, start_ns)
    kernel.fault(7, MINOR, 10)
    row = row_of(advance(books, kernel), 7)
    assert (row.key.start_ns, row.minor_total) == (start_ns, 1)


def test_a_swept_record_of_a_process_no_longer_shown_makes_no_new_row() -> None:
    kernel, books = started()
    kernel.make(7, 7, 70)
    kernel.fault(7)
    kernel.retire(7, group_dead=True)
    # a fault after the exit makes a record again, which goes out when the reader sweeps
    kernel.make(7, 7, 70)
    kernel.fault(7)
    for _ in range(10):
        advance(books, kernel, frozenset({7}))
    kernel.retire(7)
    assert advance(books, kernel).processes == ()


def test_coverage_counts_what_a_lost_record_held_once() -> None:
    kernel, books = started(FakeKernel(vmstat=VmStat(0, 0)))
    kernel.make(7, 7, 70)
    for _ in range(4):
        kernel.fault(7)
    kernel.vmstat = VmStat(4, 0)
    assert advance(books, kernel).coverage == 1.0
    kernel.retire(7, ring_full=True)
    assert advance(books, kernel).coverage == 1.0


def test_the_longest_of_an_interval_is_never_longer_than_the_longest_ever() -> None:
    kernel, books = started()
    kernel.make(7, 7, 70)
    kernel.fault(7, MINOR, 900)
    advance(books, kernel)
    kernel.fault(7, MINOR, 899)
    row = row_of(advance(books, kernel), 7)
    assert row.latency is not None
    assert row.latency_total is not None
    assert (row.latency.max_ns, row.latency_total.max_ns) == (900, 900)
