"""The threads' books: whatever threads do and whatever order it is read in, each fault is in one difference."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pftop.causes import NUMBER
from pftop.events import FaultKind, Threads
from pftop.model.book import LONG_RUN, SUM, Change, ThreadBook, name_of, totals_of
from pftop.records import identities
from pftop.source import wire
from tests.unit.fake_kernel import RETIRED, FakeKernel, Key

TIDS = st.integers(1, 6)
NONE = wire.no_threads()


def counts(change: Change) -> list[int]:
    return [int(change.sums[SUM[name]]) for name in ("minor", "major", "failed")]


class BookMachine(RuleBasedStateMachine):
    """Random lives of threads, read at random moments; the books are compared with the truth at each reading."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = FakeKernel()
        self.book = ThreadBook(NONE, causes_counted=True)
        self.booked: dict[Key, list[int]] = {}
        self.latency: dict[Key, int] = {}
        self.buckets = 0
        self.lost_booked = 0

    def add(self, changes: Iterable[Change]) -> None:
        for change in changes:
            key = (change.pid, change.start_ns)
            so_far = self.booked.setdefault(key, [0, 0, 0])
            for at, number in enumerate(counts(change)):
                assert number >= 0
                so_far[at] += number
            self.latency[key] = self.latency.get(key, 0) + int(change.sums[SUM["latency_sum_ns"]])
            self.buckets += int(change.minor_buckets.sum() + change.major_buckets.sum())
            assert (change.thread_sums.sum(axis=0) == change.sums).all()
            assert set(change.records["tgid"].tolist()) == {change.pid}

    @rule(tid=TIDS, kind=st.sampled_from(list(FaultKind)), latency=st.integers(0, 10**9), own=st.booleans())
    def fault(self, tid: int, kind: FaultKind, latency: int, own: bool) -> None:
        if tid not in self.kernel.threads:
            # a thread of process 1, of 2, or its own process; the start time tells lives of one PID apart
            tgid = tid if own else 1 + tid % 2
            self.kernel.make(tid, tgid, start_ns=1000 * tgid + self.kernel.now_ns // 10**9)
        self.kernel.fault(tid, kind, latency)

    @precondition(lambda self: self.kernel.threads)
    @rule(data=st.data(), ring_full=st.booleans(), group_dead=st.booleans())
    def end_thread(self, data: st.DataObject, ring_full: bool, group_dead: bool) -> None:
        tid = data.draw(st.sampled_from(sorted(self.kernel.threads)))
        self.kernel.retire(tid, ring_full=ring_full, group_dead=group_dead)

    @precondition(lambda self: self.kernel.threads)
    @rule(data=st.data(), ring_full=st.booleans())
    def reuse_tid(self, data: st.DataObject, ring_full: bool) -> None:
        """The record goes out and another thread has its tid, all between two readings."""
        tid = data.draw(st.sampled_from(sorted(self.kernel.threads)))
        self.end_and_reuse(tid, ring_full=ring_full)

    def end_and_reuse(self, tid: int, *, ring_full: bool) -> None:
        old = self.kernel.threads[tid]
        self.kernel.retire(tid, ring_full=ring_full)
        self.kernel.make(tid, int(old["tgid"][0]), int(old["start_ns"][0]))
        self.kernel.fault(tid, FaultKind.MAJOR)

    @rule()
    def drain(self) -> None:
        self.add(self.book.retire(self.kernel.drain().retired))

    @rule(
        racing=st.lists(st.tuples(TIDS, st.booleans()), max_size=4),
        between=st.lists(st.tuples(TIDS, st.sampled_from([None, False, True])), max_size=3),
    )
    def read(self, racing: list[tuple[int, bool]], between: list[tuple[int, bool | None]]) -> None:
        def race() -> None:
            for tid, ring_full in racing:
                if tid in self.kernel.threads:
                    self.kernel.fault(tid, FaultKind.MAJOR)
                    self.kernel.retire(tid, ring_full=ring_full)

        def race_between() -> None:
            for tid, ring_full in between:
                if tid in self.kernel.threads:
                    self.kernel.fault(tid, FaultKind.MAJOR)
                    if ring_full is not None:
                        self.end_and_reuse(tid, ring_full=ring_full)

        sample = self.kernel.sample(after_map=race, between=race_between)
        changes, late, lost = self.book.read(sample.threads, sample.late.retired)
        self.add(changes)
        self.add(late)
        self.lost_booked += int(totals_of(lost).sum())

    @invariant()
    def never_more_than_the_truth(self) -> None:
        for key, numbers in self.booked.items():
            assert all(mine <= true for mine, true in zip(numbers, self.kernel.truth[key], strict=True))

    def teardown(self) -> None:
        # once more, so that losses that raced with a reading are seen
        self.read([], [])
        self.read([], [])
        counters = self.kernel.counters
        lost = counters.lost_minor + counters.lost_major + counters.lost_failed
        booked = sum(sum(numbers) for numbers in self.booked.values())
        assert booked + lost - self.lost_booked == self.kernel.total()
        completed = sum(minor + major for minor, major, _ in self.booked.values())
        assert len(self.book) == len(self.kernel.threads)
        # the rare part of a lost record is lost with it, with what was new in it
        if not counters.lost_records:
            assert self.buckets == completed
            assert self.booked == self.kernel.truth
            assert {k: v for k, v in self.latency.items() if v} == {k: v for k, v in self.kernel.latency.items() if v}


BookMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestBook = BookMachine.TestCase


def test_buckets_that_wrapped_are_read_as_differences() -> None:
    kernel = FakeKernel()
    kernel.make(5, 5, 50)
    kernel.threads[5]["minor_buckets"][0, 3] = 2**32 - 2
    kernel.threads[5]["minor"] = 2**32 - 2
    book = ThreadBook(NONE, causes_counted=True)
    book.read(kernel.read_map(), NONE)
    kernel.threads[5]["minor_buckets"][0, 3] = 3
    kernel.threads[5]["minor"] = 2**32 + 3
    (change,), _, _ = book.read(kernel.read_map(), NONE)
    assert change.minor_buckets[3] == 5
    assert counts(change) == [5, 0, 0]


@pytest.mark.parametrize("threads", [(1, 2, 3), (LONG_RUN - 1, LONG_RUN, LONG_RUN + 1), (3 * LONG_RUN, 1, 7)])
def test_threads_are_added_up_by_process_however_many_they_are(threads: tuple[int, ...]) -> None:
    kernel = FakeKernel()
    book = ThreadBook(NONE, causes_counted=True)
    tids = iter(range(1, 1 + sum(threads)))
    for tgid, count in enumerate(threads, 1000):
        for tid in [next(tids) for _ in range(count)]:
            kernel.make(tid, tgid, 50)
            kernel.fault(tid)
            if tid % 2:
                kernel.fault(tid)
    changes, _, _ = book.read(kernel.read_map(), NONE)
    assert [change.pid for change in changes] == [1000, 1001, 1002]
    for change, count in zip(changes, threads, strict=True):
        odd = int((change.records["tid"] % 2).sum())
        assert counts(change) == [count + odd, 0, 0]
        assert int(change.minor_buckets.sum()) == count + odd
        assert change.sums[SUM["latency_sum_ns"]] == change.thread_sums[:, SUM["latency_sum_ns"]].sum()


def test_a_quiet_thread_makes_no_change() -> None:
    kernel = FakeKernel()
    kernel.make(5, 5, 50)
    kernel.fault(5)
    book = ThreadBook(NONE, causes_counted=True)
    assert len(book.read(kernel.read_map(), NONE)[0]) == 1
    assert book.read(kernel.read_map(), NONE)[0] == []


def test_processes_with_one_pid_and_two_start_times_stay_apart() -> None:
    kernel = FakeKernel()
    kernel.make(5, 5, 50)
    kernel.fault(5)
    kernel.retire(5)
    kernel.make(5, 5, 60)
    kernel.fault(5)
    book = ThreadBook(NONE, causes_counted=True)
    changes, late, _ = book.read(kernel.read_map(), kernel.drain().retired)
    assert [(c.pid, c.start_ns) for c in (*changes, *late)] == [(5, 60), (5, 50)]


def test_identities_differ_by_tid_and_by_moment() -> None:
    records = wire.empty("thread_record", 4)
    records["tid"], records["created_ns"] = [1, 2, 1, 2], [10, 10, 11, 11]
    assert len(set(identities(records).tolist())) == 4


def test_a_name_ends_at_its_first_zero_and_is_safe() -> None:
    assert name_of(b"new\0older-rest") == "new"
    assert name_of(b"\x1b[31m") == "\\x1b[31m"


def test_an_empty_reading_of_an_empty_book_is_nothing() -> None:
    changes, late, lost = ThreadBook(NONE, causes_counted=True).read(NONE, NONE)
    assert (changes, late, len(lost)) == ([], [], 0)
    assert np.array_equal(totals_of(NONE.records), [])


def test_where_the_kernel_counts_no_causes_all_completed_faults_are_of_unknown_cause() -> None:
    records, rare = wire.empty("thread_record", 1), wire.empty("thread_rare", 1)
    book = ThreadBook(NONE, causes_counted=False)
    records["tid"], records["tgid"], records["created_ns"] = 7, 7, 1
    records["minor"], records["major"], records["failed"], records["latency_sum_ns"] = 11, 3, 2, 5_000
    rare["tid"], rare["created_ns"], rare["changes"] = 7, 1, 2
    rare["cause"][0, NUMBER["null"]] = 2
    (change,), _, _ = book.read(Threads(records, rare), NONE)
    assert change.causes[:, NUMBER["unknown"]].tolist() == [14, 5_000]
    assert change.causes[:, NUMBER["null"]].tolist() == [2, 0]
    final = records.copy()
    final["minor"] += 4
    final["latency_sum_ns"] += 100
    (change,) = book.retire(Threads(final, rare))
    assert change.causes[:, NUMBER["unknown"]].tolist() == [4, 100]
    assert change.causes[:, NUMBER["null"]].tolist() == [0, 0]


@pytest.mark.parametrize("kind", ["major", "failed"])
def test_a_fault_read_as_minor_before_its_kind_was_told_is_counted_over(kind: str) -> None:
    records = wire.empty("thread_record", 3)
    book = ThreadBook(NONE, causes_counted=False)
    records["tid"], records["tgid"], records["created_ns"] = [7, 8, 9], 7, 1
    records["minor"] = [5, 1, 2]
    book.read(Threads(records, NONE.rare), NONE)
    told = records.copy()
    told["minor"][1], told[kind][1] = 0, 1
    (change,), _, _ = book.read(Threads(told, NONE.rare), NONE)
    assert (change.sums[SUM["minor"]], change.sums[SUM[kind]], change.records["tid"].tolist()) == (-1, 1, [8])
    assert book.read(Threads(told, NONE.rare), NONE)[0] == []


def test_what_threads_state_is_told_of_their_process() -> None:
    records = wire.empty("thread_record", 5)
    records["tid"], records["tgid"], records["created_ns"] = [8, 7, 9, 20, 21], [7, 7, 7, 20, 20], 1
    records["minor"] = 1
    records["minor_min_ns"], records["minor_max_ns"] = [0, 30, 10, 0, 0], [0, 90, 40, 0, 0]
    records["major_min_ns"], records["major_max_ns"] = [5, 0, 0, 0, 2**64 - 1], [6, 0, 0, 0, 2**64 - 1]
    records["flags"] = [0, 1, 2, 0, 2]
    changes, _, _ = ThreadBook(NONE, causes_counted=True).read(Threads(records, NONE.rare), NONE)
    found = {change.pid: change for change in changes}
    # 0 stands for none: it is never the shortest, unless there is nothing else
    assert found[7].stated[:5] == (10, 90, 5, 6, 3)
    assert found[20].stated[:5] == (0, 0, 2**64 - 1, 2**64 - 1, 2)
    assert {pid: change.records["tid"][change.stated.leader] for pid, change in found.items()} == {7: 7, 20: 20}


@pytest.mark.parametrize("name", ["minor_max_ns", "minor_min_ns"])
def test_an_extreme_told_one_reading_after_its_fault_is_a_change(name: str) -> None:
    kernel, book = FakeKernel(), ThreadBook(NONE, causes_counted=True)
    kernel.make(7, 7, 70)
    kernel.fault(7, FaultKind.MINOR, 5_000)
    record = kernel.threads[7]
    record[name] = 0
    book.read(kernel.read_map(), NONE)
    record[name] = 5_000
    ((change,), _, _) = book.read(kernel.read_map(), NONE)
    assert not change.sums.any()
    assert (change.stated.minor_max_ns, change.stated.minor_min_ns) == (5_000, 5_000)


def test_a_process_whose_first_thread_is_not_there_has_no_leader() -> None:
    records = wire.empty("thread_record", 1)
    records["tid"], records["tgid"], records["created_ns"], records["minor"] = 8, 7, 1, 1
    (change,), _, _ = ThreadBook(NONE, causes_counted=True).read(Threads(records, NONE.rare), NONE)
    assert change.stated.leader < 0


def test_what_the_two_readings_of_a_thread_do_not_agree_on_is_booked_once() -> None:
    """Its rare part is read last: a fault between the two is in that alone, until the next reading."""
    kernel, book = FakeKernel(), ThreadBook(NONE, causes_counted=True)
    kernel.make(5, 5, 50)
    found = []
    for between in (lambda: kernel.fault(5, FaultKind.MAJOR, 900), None, None):
        sample = kernel.sample(between=between)
        found.append([(counts(c), int(c.major_buckets.sum())) for c in book.read(sample.threads, NONE)[0]])
    assert found == [[([0, 0, 0], 1)], [([0, 1, 0], 0)], []]


def test_a_record_that_still_stands_when_its_last_was_booked_is_not_booked_again() -> None:
    kernel, book = FakeKernel(), ThreadBook(NONE, causes_counted=True)
    kernel.make(5, 5, 50)
    kernel.fault(5)
    assert len(book.read(kernel.read_map(), NONE)[0]) == 1
    standing = kernel.threads[5]
    kernel.fault(5)
    kernel.retire(5)
    assert [counts(change) for change in book.retire(kernel.drain().retired)] == [[1, 0, 0]]
    kernel.threads[5] = standing
    assert book.read(kernel.read_map(), NONE)[0] == []
    # likewise one that was never read while its thread lived
    kernel.make(6, 6, 60, flags=RETIRED)
    kernel.fault(6)
    assert book.read(kernel.read_map(), NONE)[0] == []


def test_rare_parts_of_some_threads_go_to_their_processes() -> None:
    kernel, book = FakeKernel(), ThreadBook(NONE, causes_counted=True)
    for tid in range(1, 10):
        kernel.make(tid, 1 + tid // 3, 50)
        kernel.fault(tid)
    for tid, times in ((3, 2), (5, 3), (9, 1)):
        for _ in range(times):
            kernel.fault(tid, FaultKind.MAJOR)
    changes, _, _ = book.read(kernel.read_map(), NONE)
    found = [(c.pid, counts(c)[1], int(c.major_buckets.sum())) for c in changes]
    assert found == [(1, 0, 0), (2, 5, 5), (3, 0, 0), (4, 1, 1)]
