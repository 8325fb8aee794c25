"""What comes by the rings, in whatever pieces: records told apart, rare parts kept until their record is there."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pftop.events import Records, SourceError
from pftop.source import wire
from pftop.source.machine import PAGE_BYTES
from pftop.source.rings import WAIT_FOR_RECORD_S, Rings


class FakeProgram:
    """Stands for libbcc: keeps the callbacks, to be called with what a ring would carry."""

    def __init__(self, refuse: str = "") -> None:
        self.bpf = SimpleNamespace(perf_buffer_poll=lambda ms: None, perf_buffer_consume=lambda: None)
        self.callbacks: dict[str, Callable[[int, int, int], None]] = {}
        self.opened: dict[str, dict[str, Any]] = {}
        self.refuse = refuse

    def table(self, name: str) -> Any:
        def open_perf_buffer(callback: Any, **more: Any) -> None:
            if name == self.refuse:
                raise OSError("no memory")
            self.callbacks[name], self.opened[name] = callback, more

        return SimpleNamespace(open_perf_buffer=open_perf_buffer)

    def send(self, ring: str, records: Records) -> None:
        """As the ring does: a record at a time, padded with what lay there before."""
        for record in records:
            raw = record.tobytes() + b"\xa5" * 4
            buffer = ctypes.create_string_buffer(raw, len(raw))
            self.callbacks[ring](0, ctypes.addressof(buffer), len(raw))


def records(*tids: int) -> Records:
    made = wire.empty("thread_record", len(tids))
    made["tid"], made["created_ns"], made["minor"] = tids, np.array(tids) * 10, 7
    return made


def rares(*tids: int) -> Records:
    made = wire.empty("thread_rare", len(tids))
    made["tid"], made["created_ns"], made["changes"] = tids, np.array(tids) * 10, 3
    return made


@pytest.fixture
def program() -> FakeProgram:
    return FakeProgram()


def opened(program: FakeProgram) -> Rings:
    return Rings(program, 2)  # type: ignore[arg-type]


def drained(rings: Rings) -> tuple[list[int], list[int]]:
    retired = rings.drain().retired
    return retired.records["tid"].tolist(), retired.rare["tid"].tolist()


def test_records_rare_parts_and_logged_faults_are_told_apart(program: FakeProgram) -> None:
    rings = opened(program)
    for tid in (1, 2, 3):
        if tid != 2:
            program.send("retired", rares(tid))
        program.send("retired", records(tid))
    events = wire.empty("fault_event", 2)
    events["tid"] = [8, 9]
    program.send("faults", events)
    batch = rings.drain()
    assert batch.retired.records.tobytes() == records(1, 2, 3).tobytes()
    assert batch.retired.rare["tid"].tolist() == [1, 3]
    assert batch.retired.rare["changes"].tolist() == [3, 3]
    assert batch.events.tobytes() == events.tobytes()
    assert drained(rings) == ([], [])


@pytest.mark.parametrize("cpus", [1, 2, 256])
def test_a_ring_wakes_its_reader_in_time_and_not_for_every_record(program: FakeProgram, cpus: int) -> None:
    Rings(program, cpus)  # type: ignore[arg-type]
    assert program.opened.keys() == {"faults", "retired"}
    for name, struct in (("faults", "fault_event"), ("retired", "thread_record")):
        asked = program.opened[name]
        room = asked["page_cnt"] * PAGE_BYTES // wire.dtype(struct).itemsize
        assert room / 5 < asked["wakeup_events"] < room / 3


def test_a_rare_part_waits_for_its_record_but_not_for_ever(program: FakeProgram) -> None:
    now = 5.0
    rings = Rings(program, 2, clock=lambda: now)  # type: ignore[arg-type]
    program.send("retired", rares(1, 2))
    program.send("retired", records(1))
    assert drained(rings) == ([1], [1, 2])
    now += WAIT_FOR_RECORD_S / 2
    program.send("retired", rares(3))
    assert drained(rings) == ([], [2, 3])
    program.send("retired", records(2))
    assert drained(rings) == ([2], [2, 3])
    now += WAIT_FOR_RECORD_S
    assert drained(rings) == ([], [3])
    assert drained(rings) == ([], [])


def test_a_record_given_up_comes_like_any_other(program: FakeProgram) -> None:
    rings = opened(program)
    rings.give_up(records(6)[0], rares())
    rings.give_up(records(5)[0], rares(5))
    program.send("retired", rares(1))
    assert drained(rings) == ([6, 5], [5, 1])
    program.send("retired", records(1))
    assert drained(rings) == ([1], [1])


def test_what_is_too_short_for_any_record_is_an_error(program: FakeProgram) -> None:
    rings = opened(program)
    buffer = ctypes.create_string_buffer(100)
    program.callbacks["retired"](0, ctypes.addressof(buffer), 100)
    with pytest.raises(SourceError, match="too short"):
        rings.drain()


def test_a_ring_that_is_refused_is_explained() -> None:
    with pytest.raises(SourceError, match="perf buffer"):
        opened(FakeProgram(refuse="retired"))
