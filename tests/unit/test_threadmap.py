"""Records read from memory that the kernel side writes at the same time; a file in memory stands for each map."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pftop.events import Records, SourceError
from pftop.source import threadmap, wire
from pftop.source.header import header
from pftop.source.threadmap import LEAST_ROWS, SharedArray, ThreadMap

CAPACITY = 1000
HAS_RARE = header().numbers["THREAD_HAS_RARE"]
TIDS, PLACES = 1000, 1001


class FakeLibrary:
    """The two calls of libbcc that are used: the stack of free places, and the hash of tids."""

    def __init__(self) -> None:
        self.free: list[int] = []
        self.tids: dict[int, int] = {}

    def bpf_update_elem(self, fd: int, key: None, address: int, flags: int) -> int:
        assert (fd, key, flags) == (PLACES, None, 0)
        self.free.append(ctypes.c_uint32.from_address(address).value)
        return 0

    def bpf_delete_elem(self, fd: int, key: Any) -> int:
        assert fd == TIDS
        tid = ctypes.cast(key, ctypes.POINTER(ctypes.c_uint32))[0]
        return 0 if self.tids.pop(tid, None) is not None else -1

    def bpf_lookup_elem(self, fd: int, key: Any, value: Any) -> int:
        assert fd == TIDS
        tid = ctypes.cast(key, ctypes.POINTER(ctypes.c_uint32))[0]
        ctypes.cast(value, ctypes.POINTER(ctypes.c_uint32))[0] = self.tids.get(tid, 0)
        return 0 if tid in self.tids else -1


class Machine:
    """A kernel side: what it writes is seen by ``read``, as it would be through the maps."""

    def __init__(self) -> None:
        self.lib = FakeLibrary()
        self.files = {name: os.memfd_create(name) for name in ("records", "rares")}
        for name, struct in (("records", "thread_record"), ("rares", "thread_rare")):
            size = CAPACITY * wire.dtype(struct).itemsize
            os.ftruncate(self.files[name], -(-size // 4096) * 4096)
        descriptors = {**self.files, "threads": TIDS, "places": PLACES}
        self.map = ThreadMap(self.lib, lambda name: descriptors[name], CAPACITY)
        self.records: Records = SharedArray(self.files["records"], "thread_record", CAPACITY).upto(CAPACITY)
        self.rares: Records = SharedArray(self.files["rares"], "thread_rare", CAPACITY).upto(CAPACITY)

    def make(self, place: int, tid: int, created_ns: int, *, minor: int = 1, major: int = 0) -> None:
        record = self.records[place]
        record["tid"], record["place"], record["created_ns"] = tid, place, created_ns
        record["minor"], record["major"], record["flags"] = minor, major, HAS_RARE if major else 0
        self.lib.tids[tid] = place
        if major:
            rare = self.rares[place]
            rare["tid"], rare["created_ns"], rare["changes"] = tid, created_ns, major
            rare["major_buckets"][9] = major


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = Machine()
    yield made
    for fd in made.files.values():
        os.close(fd)


def seen(threads: Any) -> list[tuple[int, int, int]]:
    return [(int(r["tid"]), int(r["created_ns"]), int(r["minor"])) for r in threads.records]


def test_every_place_is_free_at_first_and_the_lowest_is_taken_first(machine: Machine) -> None:
    assert machine.lib.free == list(range(CAPACITY - 1, -1, -1))


def test_places_in_use_below_the_top_are_read_in_their_order(machine: Machine) -> None:
    for place, tid in ((7, 70), (0, 1), (3, 30), (8, 80)):
        machine.make(place, tid, 100 + tid, minor=tid)
    assert seen(machine.map.read(8)) == [(1, 101, 1), (30, 130, 30), (70, 170, 70)]
    assert seen(machine.map.read(0)) == []


def test_a_place_beyond_what_is_mapped_so_far_is_read_too(machine: Machine) -> None:
    machine.make(5, 50, 1)
    machine.make(CAPACITY - 1, 51, 2, major=3)
    assert LEAST_ROWS < CAPACITY
    found = machine.map.read(CAPACITY)
    assert seen(found) == [(50, 1, 1), (51, 2, 1)]
    assert found.rare["tid"].tolist() == [51]


def test_a_reading_stays_as_it_is_until_the_one_after_the_next(machine: Machine) -> None:
    machine.make(0, 1, 1, minor=1)
    first = machine.map.read(1)
    machine.make(0, 1, 1, minor=2)
    second = machine.map.read(1)
    assert (seen(first), seen(second)) == ([(1, 1, 1)], [(1, 1, 2)])


def test_only_those_that_have_a_rare_part_bring_it(machine: Machine) -> None:
    machine.make(0, 1, 11, major=2)
    machine.make(1, 2, 12)
    machine.make(2, 3, 13, major=5)
    # left by a thread that had the place before
    machine.rares[1]["created_ns"], machine.rares[1]["changes"] = 4, 9
    rare = machine.map.read(3).rare
    assert [(int(r["tid"]), int(r["major_buckets"][9])) for r in rare] == [(1, 2), (3, 5)]


def test_a_rare_part_that_is_not_yet_the_threads_own_is_left_out(machine: Machine) -> None:
    machine.make(0, 1, 11, major=2)
    machine.rares[0]["created_ns"] = 0
    found = machine.map.read(1)
    assert (len(found.records), len(found.rare)) == (1, 0)


@pytest.mark.parametrize("after", [1, 2], ids=["its record was copied", "its rare part was, too"])
def test_a_place_that_changes_hands_while_it_is_copied_is_left_out_with_its_rare_part(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    for place, tid in enumerate((10, 20, 30)):
        machine.make(place, tid, tid, major=tid)
    take, calls = np.take, []

    def taken_meanwhile(shared: Any, places: Any, **more: Any) -> Any:
        found = take(shared, places, **more)
        calls.append(found)
        if len(calls) == after:
            machine.make(1, 21, 21, major=2)
        return found

    monkeypatch.setattr(threadmap.np, "take", taken_meanwhile)
    found = machine.map.read(3)
    assert seen(found) == [(10, 10, 1), (30, 30, 1)]
    assert found.rare["tid"].tolist() == [10, 30]
    monkeypatch.undo()
    assert seen(machine.map.read(3)) == [(10, 10, 1), (21, 21, 1), (30, 30, 1)]


def test_a_record_that_is_taken_off_frees_its_place(machine: Machine) -> None:
    machine.make(4, 40, 1)
    del machine.lib.free[:]
    record = machine.map.read(5).records[0].copy()
    assert machine.map.remove(record)
    assert (machine.lib.free, machine.lib.tids, seen(machine.map.read(5))) == ([4], {}, [])
    assert not machine.map.remove(record)
    assert machine.lib.free == [4]


def test_another_threads_record_at_the_same_place_is_not_taken_off(machine: Machine) -> None:
    machine.make(4, 40, 1)
    record = machine.map.read(5).records[0].copy()
    machine.make(4, 40, 2)
    del machine.lib.free[:]
    assert not machine.map.remove(record)
    assert (machine.lib.free, seen(machine.map.read(5))) == ([], [(40, 2, 1)])


def test_a_thread_whose_record_stands_elsewhere_by_now_keeps_it(machine: Machine) -> None:
    machine.make(4, 40, 1)
    record = machine.map.read(5).records[0].copy()
    machine.lib.tids[40] = 9
    del machine.lib.free[:]
    assert not machine.map.remove(record)
    assert (machine.lib.free, machine.lib.tids) == ([], {40: 9})


def test_one_that_the_kernel_side_took_off_first_is_not_freed_twice(machine: Machine) -> None:
    machine.make(4, 40, 1)
    record = machine.map.read(5).records[0].copy()
    machine.lib.tids.clear()
    del machine.lib.free[:]
    assert not machine.map.remove(record)
    assert machine.lib.free == []


def test_a_map_that_cannot_be_mapped_is_explained() -> None:
    with pytest.raises(SourceError, match="mapping a BPF map was refused"):
        SharedArray(os.open("/dev/null", os.O_RDONLY), "thread_record", 8)
