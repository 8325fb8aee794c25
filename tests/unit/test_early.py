"""Processes that are new to the log are asked about at once, a few times each, and not too many of them."""

from __future__ import annotations

import numpy as np
import pytest

from pftop.events import ProcessKey, Records
from pftop.mappings import Mappings, MemoryMapping
from pftop.model.early import ASKED_PER_S, AT_ONCE, BUSY_S, KEPT, TIMES, Early
from pftop.source import wire
from pftop.text import Safe
from tests.unit.fake_source import Clock

PAGE = 0x1000


class Asked:
    """A lookup in which only the first page is mapped; it remembers what it was asked."""

    def __init__(self) -> None:
        self.of: list[int] = []
        self.missed: list[tuple[int, int]] = []

    def mappings(self, key: ProcessKey) -> Mappings:
        self.of.append(key.pid)
        return Mappings.of([MemoryMapping(0, PAGE, "r-xp", 0, Safe("/bin/x"))])

    def mapping(self, key: ProcessKey, address: int) -> None:
        self.missed.append((key.pid, address))


def faults(*of: tuple[int, bytes, int]) -> Records:
    events = np.zeros(len(of), wire.dtype("fault_event"))
    for event, (pid, comm, address) in zip(events, of, strict=True):
        event["tgid"], event["start_ns"], event["comm"], event["address"] = pid, 7, comm, address
    return events


@pytest.fixture
def lookup() -> Asked:
    return Asked()


@pytest.fixture
def early(lookup: Asked) -> Early:
    return Early(lookup, Clock())  # type: ignore[arg-type]


def test_a_new_process_is_asked_about_a_few_times(early: Early, lookup: Asked) -> None:
    early.look(faults((1, b"cc1", 10), (2, b"as", 20), (1, b"cc1", 30)))
    assert lookup.of == [1, 2]
    for _ in range(2 * TIMES):
        early.look(faults((1, b"cc1", 40)))
    assert lookup.of == [1, 2, *[1] * (TIMES - 1)]
    assert lookup.missed == []


def test_it_is_busy_for_a_moment_after_each_process_that_is_new(lookup: Asked) -> None:
    clock = Clock()
    early = Early(lookup, clock)  # type: ignore[arg-type]
    assert not early.is_busy()
    early.look(faults((1, b"cc1", 10)))
    clock.now += BUSY_S * 0.9
    assert early.is_busy()
    early.look(faults((1, b"cc1", 10)))
    clock.now += BUSY_S * 0.2
    assert not early.is_busy()
    early.look(faults((1, b"as", 10)))
    assert early.is_busy()


def test_the_first_address_without_a_mapping_is_asked_for(early: Early, lookup: Asked) -> None:
    early.look(faults((1, b"cc1", 10), (2, b"as", 20), (1, b"cc1", PAGE), (1, b"cc1", 3 * PAGE)))
    assert lookup.missed == [(1, PAGE)]


def test_one_that_runs_another_program_is_new_again(early: Early, lookup: Asked) -> None:
    for _ in range(TIMES):
        early.look(faults((1, b"gcc", 10)))
    early.look(faults((1, b"cc1", 20)))
    assert lookup.of == [1] * (TIMES + 1)


def test_no_more_are_asked_about_than_time_allows(lookup: Asked) -> None:
    clock = Clock()
    early = Early(lookup, clock)  # type: ignore[arg-type]
    crowd = faults(*((pid, b"x", 1) for pid in range(1, 3 * AT_ONCE)))
    early.look(crowd)
    early.look(crowd)
    assert lookup.of == list(range(1, AT_ONCE + 1))
    clock.now += AT_ONCE / 2 / ASKED_PER_S
    early.look(crowd)
    assert len(lookup.of) == AT_ONCE * 3 // 2


def test_what_is_remembered_is_bounded(lookup: Asked) -> None:
    clock = Clock()
    early = Early(lookup, clock)  # type: ignore[arg-type]
    for _ in range(TIMES):
        clock.now += 1
        early.look(faults((1, b"x", 1)))
    for pid in range(2, KEPT + 2):
        clock.now += 1
        early.look(faults((pid, b"x", 1)))
    asked = len(lookup.of)
    early.look(faults((1, b"x", 1)))
    assert len(lookup.of) == asked + 1
