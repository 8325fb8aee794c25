"""The drill-down: counted pages by mapping, and one process's histograms."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pftop.events import FaultKind, Identity, ProcessKey
from pftop.mappings import Mappings
from pftop.model import detail
from pftop.model.book import SUM, Matrix, sums_of
from pftop.model.detail import MappingCounts
from pftop.model.histogram import BUCKETS, bucket_of, display_rows
from pftop.source import wire
from tests.unit.fake_kernel import FakeKernel
from tests.unit.fake_source import mapping, pages
from tests.unit.test_aggregate import advance, started

KEY = ProcessKey(7, 70)
TEXT = mapping(0x1000, 0x3000, "/bin/x", "r-xp")
HEAP = mapping(0x5000, 0x9000, "[heap]")
HIGH = mapping(0xFFFFFFFFFF600000, 0xFFFFFFFFFF601000, "[vsyscall]")


def rows_of(counts: MappingCounts) -> dict[str | None, tuple[int, int, int]]:
    return {str(r.mapping.name) if r.mapping else None: (r.minor, r.major, r.stall_ns) for r in counts.rows()}


def completed(minor: int, major: int = 0) -> Matrix:
    record = wire.empty("thread_record", 1)
    record["minor"], record["major"] = minor, major
    found: Matrix = sums_of(record)[0]
    return found


def test_pages_are_counted_in_their_mappings() -> None:
    counts = MappingCounts(KEY, 5)
    counts.add(
        pages((1, 1, 0, 10), (2, 2, 1, 20), (3, 4, 0, 40), (5, 8, 0, 80), (9, 16, 0, 1)), Mappings.of((TEXT, HEAP))
    )
    # 0x3000 and 0x9000 are the first addresses behind a mapping
    assert rows_of(counts) == {"/bin/x": (3, 1, 30), "[heap]": (8, 0, 80), None: (20, 0, 41)}


def test_the_mapping_where_most_time_is_lost_comes_first() -> None:
    counts = MappingCounts(KEY, 5)
    counts.add(pages((1, 9, 0, 10), (5, 1, 0, 20)), Mappings.of((TEXT, HEAP)))
    assert [row.mapping for row in counts.rows()] == [HEAP, TEXT]


def test_intervals_add_up_and_a_heap_that_grew_is_one_row() -> None:
    counts = MappingCounts(KEY, 5)
    counts.add(pages((5, 1, 0, 10)), Mappings.of((HEAP,)))
    counts.add(pages(), Mappings.of((HEAP,)))
    counts.add(pages((0x20, 2, 0, 20)), Mappings.of((mapping(0x5000, 0x30000, "[heap]"),)))
    (row,) = counts.rows()
    assert row.mapping is not None
    assert (row.minor, row.stall_ns, row.mapping.end) == (3, 30, 0x30000)


def test_without_mappings_every_page_is_in_none() -> None:
    counts = MappingCounts(KEY, 5)
    counts.add(pages((0, 1, 0, 1), (2**52 - 1, 1, 0, 1)), Mappings.of(()))
    assert rows_of(counts) == {None: (2, 0, 2)}


def test_the_highest_addresses_have_their_mapping_too() -> None:
    counts = MappingCounts(KEY, 5)
    counts.add(pages((0xFFFFFFFFFF600, 3, 0, 1)), Mappings.of((TEXT, HIGH)))
    assert rows_of(counts) == {"[vsyscall]": (3, 0, 1)}


@given(st.lists(st.tuples(*[st.integers(0, 40)] * 4), max_size=30, unique_by=lambda row: row[0]))
def test_no_fault_is_lost_or_counted_twice(rows: list[tuple[int, int, int, int]]) -> None:
    counts = MappingCounts(KEY, 5)
    counts.add(pages(*rows), Mappings.of((TEXT, HEAP, mapping(0x9000, 0xA000, "[anon]"))))
    found = counts.rows()
    sums = tuple(sum(getattr(row, name) for row in found) for name in ("minor", "major", "stall_ns"))
    assert sums == tuple(sum(row[at] for row in rows) for at in (1, 2, 3))


def test_what_no_page_counted_since_the_focus_is_unplaced() -> None:
    counts = MappingCounts(KEY, 5)
    assert counts.unplaced(completed(1000)) == 0
    counts.add(pages((1, 5, 1, 10)), Mappings.of((TEXT,)))
    assert counts.unplaced(completed(1006, 1)) == 1
    assert counts.unplaced(completed(1008, 2)) == 4


def test_faults_counted_by_page_before_they_are_booked_do_not_count_as_unplaced() -> None:
    counts = MappingCounts(KEY, 5)
    counts.unplaced(completed(10))
    counts.add(pages((1, 5, 0, 10)), Mappings.of((TEXT,)))
    assert counts.unplaced(completed(12)) == 0


def test_a_process_is_described_before_its_interval_closes() -> None:
    kernel, books = started(FakeKernel())
    kernel.make(7, 7, 70)
    kernel.fault(7, FaultKind.MAJOR, 5_000_000)
    advance(books, kernel)
    kernel.fault(7, FaultKind.MINOR, 700)
    kernel.fault(7, FaultKind.MINOR, 900)
    books.take(kernel.sample())
    process = books.process(KEY)
    assert process is not None
    found = detail.describe(process, Identity(), None)
    assert found.minor_buckets[bucket_of(700)] == 1
    assert (sum(found.minor_buckets), sum(found.major_buckets)) == (2, 1)
    assert (sum(found.minor_interval), sum(found.major_interval)) == (2, 0)
    assert len(found.minor_interval) == BUCKETS
    assert (found.stall_minor_ns, found.stall_major_ns) == (1600, 5_000_000)
    assert (found.minor_latency.min_ns, found.minor_latency.max_ns) == (700, 900)
    assert (found.major_latency.min_ns, found.major_latency.max_ns) == (5_000_000, 5_000_000)
    assert (found.mappings, found.mappings_since_ns, found.unplaced) == ((), None, 0)
    assert process.sums[SUM["minor"]] == 2


def test_a_quiet_process_has_an_interval_of_nothing() -> None:
    kernel, books = started(FakeKernel())
    kernel.make(7, 7, 70)
    kernel.fault(7)
    advance(books, kernel)
    process = books.process(KEY)
    assert process is not None
    found = detail.describe(process, Identity(), MappingCounts(KEY, 9))
    assert (found.minor_interval, found.mappings_since_ns) == ((0,) * BUCKETS, 9)
    # what the drill-down does with it
    assert display_rows(found.minor_interval, found.major_interval, height=9) == ()


def test_a_stack_that_grew_downwards_is_one_row() -> None:
    counts = MappingCounts(KEY, 5)
    counts.add(pages((8, 1, 0, 10)), Mappings.of((mapping(0x8000, 0x9000, "[stack]"),)))
    counts.add(pages((5, 2, 0, 20)), Mappings.of((mapping(0x5000, 0x9000, "[stack]"),)))
    assert [row.minor for row in counts.rows()] == [3]
