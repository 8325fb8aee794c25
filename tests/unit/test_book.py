"""The threads' books: whatever threads do and whatever order it is read in, each fault is in one difference."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pftop.causes import NUMBER
from pftop.events import FaultKind, Records
from pftop.model.book import SUM, Change, ThreadBook, name_of, totals_of
from pftop.model.shelf import identities
from pftop.source import wire
from tests.unit.fake_kernel import FakeKernel, Key

TIDS = st.integers(1, 6)


def counts(change: Change) -> list[int]:
    return [int(change.sums[SUM[name]]) for name in ("minor", "major", "failed")]


class BookMachine(RuleBasedStateMachine):
    """Random lives of threads, read at random moments; the books are compared with the truth at each reading."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = FakeKernel()
        self.book = ThreadBook(wire.empty("thread_record"), causes_counted=True)
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
        old = self.kernel.threads[tid]
        self.kernel.retire(tid, ring_full=ring_full)
        self.kernel.make(tid, int(old["tgid"][0]), int(old["start_ns"][0]))
        self.kernel.fault(tid)

    @rule()
    def drain(self) -> None:
        self.add(self.book.retire(self.kernel.drain().retired))

    @rule(racing=st.lists(st.tuples(TIDS, st.booleans()), max_size=4))
    def read(self, racing: list[tuple[int, bool]]) -> None:
        def race() -> None:
            for tid, ring_full in racing:
                if tid in self.kernel.threads:
                    self.kernel.fault(tid, FaultKind.MAJOR)
                    self.kernel.retire(tid, ring_full=ring_full)

        sample = self.kernel.sample(after_map=race)
        changes, late, lost = self.book.read(sample.records, sample.late.retired)
        self.add(changes)
        self.add(late)
        self.lost_booked += int(totals_of(lost).sum())

    @invariant()
    def never_more_than_the_truth(self) -> None:
        for key, numbers in self.booked.items():
            assert all(mine <= true for mine, true in zip(numbers, self.kernel.truth[key], strict=True))

    def teardown(self) -> None:
        # once more, so that losses that raced with a reading are seen
        self.read([])
        self.read([])
        counters = self.kernel.counters
        lost = counters.lost_minor + counters.lost_major + counters.lost_failed
        booked = sum(sum(numbers) for numbers in self.booked.values())
        assert booked + lost - self.lost_booked == self.kernel.total()
        completed = sum(minor + major for minor, major, _ in self.booked.values())
        assert self.buckets == completed
        assert len(self.book) == len(self.kernel.threads)
        if not counters.lost_records:
            assert self.booked == self.kernel.truth
            assert {k: v for k, v in self.latency.items() if v} == {k: v for k, v in self.kernel.latency.items() if v}


BookMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestBook = BookMachine.TestCase


def test_buckets_that_wrapped_are_read_as_differences() -> None:
    kernel = FakeKernel()
    kernel.make(5, 5, 50)
    kernel.threads[5]["minor_buckets"][0, 3] = 2**32 - 2
    kernel.threads[5]["minor"] = 2**32 - 2
    book = ThreadBook(wire.empty("thread_record"), causes_counted=True)
    book.read(kernel.read_map(), wire.empty("thread_record"))
    kernel.threads[5]["minor_buckets"][0, 3] = 3
    kernel.threads[5]["minor"] = 2**32 + 3
    (change,), _, _ = book.read(kernel.read_map(), wire.empty("thread_record"))
    assert change.minor_buckets[3] == 5
    assert counts(change) == [5, 0, 0]


def test_a_quiet_thread_makes_no_change() -> None:
    kernel = FakeKernel()
    kernel.make(5, 5, 50)
    kernel.fault(5)
    book = ThreadBook(wire.empty("thread_record"), causes_counted=True)
    assert len(book.read(kernel.read_map(), wire.empty("thread_record"))[0]) == 1
    assert book.read(kernel.read_map(), wire.empty("thread_record"))[0] == []


def test_processes_with_one_pid_and_two_start_times_stay_apart() -> None:
    kernel = FakeKernel()
    kernel.make(5, 5, 50)
    kernel.fault(5)
    kernel.retire(5)
    kernel.make(5, 5, 60)
    kernel.fault(5)
    book = ThreadBook(wire.empty("thread_record"), causes_counted=True)
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
    none: Records = wire.empty("thread_record")
    changes, late, lost = ThreadBook(none, causes_counted=True).read(none, none)
    assert (changes, late, len(lost)) == ([], [], 0)
    assert np.array_equal(totals_of(none), [])


def test_where_the_kernel_counts_no_causes_all_completed_faults_are_of_unknown_cause() -> None:
    records = wire.empty("thread_record", 1)
    book = ThreadBook(records[:0], causes_counted=False)
    records["tid"], records["tgid"], records["created_ns"] = 7, 7, 1
    records["minor"], records["major"], records["failed"], records["latency_sum_ns"] = 11, 3, 2, 5_000
    records["cause"][0, NUMBER["null"]] = 2
    (change,), _, _ = book.read(records, records[:0])
    assert change.causes[:, NUMBER["unknown"]].tolist() == [14, 5_000]
    assert change.causes[:, NUMBER["null"]].tolist() == [2, 0]
    final = records.copy()
    final["minor"] += 4
    final["latency_sum_ns"] += 100
    (change,) = book.retire(final)
    assert change.causes[:, NUMBER["unknown"]].tolist() == [4, 100]


@pytest.mark.parametrize("kind", ["major", "failed"])
def test_a_fault_read_as_minor_before_its_kind_was_told_is_counted_over(kind: str) -> None:
    records = wire.empty("thread_record", 3)
    book = ThreadBook(records[:0], causes_counted=False)
    records["tid"], records["tgid"], records["created_ns"] = [7, 8, 9], 7, 1
    records["minor"] = [5, 1, 2]
    book.read(records, records[:0])
    told = records.copy()
    told["minor"][1], told[kind][1] = 0, 1
    (change,), _, _ = book.read(told, records[:0])
    assert (change.sums[SUM["minor"]], change.sums[SUM[kind]], change.records["tid"].tolist()) == (-1, 1, [8])
    assert book.read(told, records[:0])[0] == []
