"""Causes of logged faults by the mappings of their processes: whose are read, how often, and how many at most."""

from __future__ import annotations

import numpy as np
import pytest

from pftop import causes
from pftop.events import Access, ProcessKey, Records
from pftop.mappings import Mappings, MemoryMapping
from pftop.model.attribution import ASK_EVERY_S, MAX_PROCESSES, READS_PER_S, Attribution
from pftop.model.lines import VMA_FOUND
from pftop.source import wire
from pftop.text import Safe
from tests.unit.fake_source import Clock

PAGE = 0x1000
HEAP = MemoryMapping(PAGE, 9 * PAGE, "rw-p", 0, Safe("[heap]"))
FIRST_TOUCH = causes.NUMBER["first-touch"]


class Counting:
    """A lookup in which every process has the same mappings, and none after it was told to forget."""

    def __init__(self, *mappings: MemoryMapping) -> None:
        self.known = mappings
        self.asked: list[int] = []
        self.missed: list[int] = []

    def mappings(self, key: ProcessKey) -> Mappings:
        self.asked.append(key.pid)
        return Mappings.of(self.known)

    def mapping(self, key: ProcessKey, address: int) -> MemoryMapping | None:
        self.missed.append(address)
        return None


def attribution(lookup: Counting, clock: Clock) -> Attribution:
    return Attribution(lookup, clock)  # type: ignore[arg-type]


def faults(*pids: int, address: int = 2 * PAGE) -> Records:
    """One write each to a page that is not there."""
    events = np.zeros(len(pids), wire.dtype("fault_event"))
    events["tgid"], events["address"], events["access"], events["error_code"] = pids, address, Access.WRITE, 6
    return events


def told(events: Records) -> set[int]:
    """Of whom the cause is known."""
    return set(events["tgid"][events["cause"] == FIRST_TOUCH].tolist())


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_what_the_vma_told_is_asked_of_nobody_else(clock: Clock) -> None:
    lookup = Counting(HEAP)
    events = faults(1, 2)
    events["flags"][0] = VMA_FOUND
    found = attribution(lookup, clock)
    assert found.knows(events[:1])
    assert not found.knows(events)
    assert told(found.complete(events)) == {2}
    assert lookup.asked == [2]


def test_each_fault_gets_its_own_processs_cause(clock: Clock) -> None:
    lookup = Counting(HEAP)
    events = faults(9, 3, 9, 5, 3)
    events["address"][1] = 40 * PAGE
    found = attribution(lookup, clock).complete(events)
    assert found["cause"].tolist() == [FIRST_TOUCH, causes.NUMBER["unknown"], FIRST_TOUCH, FIRST_TOUCH, FIRST_TOUCH]
    assert set(lookup.asked) == {3, 5, 9}
    # what was handed in is another's
    assert not events["cause"].any()


def test_so_many_processes_are_read_a_second_and_the_busiest_first(clock: Clock) -> None:
    lookup = Counting(HEAP)
    subject = attribution(lookup, clock)
    idle, busy = range(1, READS_PER_S + 51), READS_PER_S + 100
    found = told(subject.complete(faults(*idle, busy, busy, busy)))
    assert busy in found
    assert len(found) == len(lookup.asked) == READS_PER_S
    # who waited comes later, and who was read need not be read again to be told of
    clock.now += 60 / READS_PER_S
    assert told(subject.complete(faults(*idle))) == set(idle)


def test_mappings_are_asked_for_once_a_second(clock: Clock) -> None:
    lookup = Counting(HEAP)
    subject = attribution(lookup, clock)
    for _ in range(3):
        subject.complete(faults(7))
    assert lookup.asked == [7]
    clock.now += ASK_EVERY_S
    subject.complete(faults(7))
    assert lookup.asked == [7, 7]


def test_an_address_that_is_missing_makes_it_look_again_at_once(clock: Clock) -> None:
    lookup = Counting()
    subject = attribution(lookup, clock)
    assert told(subject.complete(faults(7))) == set()
    lookup.known = (HEAP,)
    assert told(subject.complete(faults(7))) == {7}
    assert lookup.missed == [2 * PAGE, 2 * PAGE]


def test_only_so_many_processes_are_remembered(clock: Clock) -> None:
    lookup = Counting(HEAP)
    subject = attribution(lookup, clock)
    for first in range(0, MAX_PROCESSES + 10, READS_PER_S):
        subject.complete(faults(*range(first, first + READS_PER_S)))
        clock.now += 1
    lookup.asked.clear()
    # the last are known, the first must be asked for again
    clock.now -= ASK_EVERY_S / 2
    subject.complete(faults(0, first))
    assert lookup.asked == [0]
