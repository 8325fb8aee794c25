"""What comes by the rings, in whatever pieces: records told apart, rare parts kept until their record is there."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pftop.events import Records, SourceError
from pftop.source import wire
from pftop.source.machine import PAGE_BYTES
from pftop.source.perf_ring import (
    DATA_HEAD,
    DATA_SIZE,
    DATA_TAIL,
    RECORD_SAMPLE,
    RUN,
    WORD,
    PerfRings,
    Waiting,
    samples,
)
from pftop.source.rings import CLOCKS_APART_NS, WAIT_FOR_RECORD_S, Rings, barrier_of
from pftop.source.syscall import SYSCALL_MEMBARRIER, membarrier

LOST, THROTTLE = 2, 5
"""``PERF_RECORD_*`` that are no samples."""


class FakeRing:
    """A ring of one CPU as the kernel fills it, in memory of our own."""

    def __init__(self, pages: int) -> None:
        self.fd = os.memfd_create("ring")
        self.room = pages * PAGE_BYTES
        os.ftruncate(self.fd, PAGE_BYTES + self.room)
        self.memory = mmap.mmap(self.fd, PAGE_BYTES + self.room)
        self.positions = memoryview(self.memory).cast("Q")
        self.positions[DATA_SIZE] = self.room

    def write(self, record: bytes) -> None:
        """Behind what was written last, from the beginning again at the end."""
        head = self.positions[DATA_HEAD]
        assert head + len(record) - self.positions[DATA_TAIL] <= self.room, "no room"
        for at, byte in enumerate(record, head):
            self.memory[PAGE_BYTES + at % self.room] = byte
        self.positions[DATA_HEAD] = head + len(record)

    def send(self, raw: bytes) -> None:
        """A sample, padded with what lay there before."""
        padded = raw + b"\xa5" * (-(len(raw) + 4) % 8)
        self.write(perf_record(RECORD_SAMPLE, struct.pack("<I", len(padded)) + padded))


def perf_record(kind: int, body: bytes) -> bytes:
    return struct.pack("<IHH", kind, 0, 8 + len(body)) + body


class FakeProgram:
    """Stands for libbcc: opens rings, a pair a CPU."""

    def __init__(self, refuse: str = "", cpus: int = 2) -> None:
        self.opened: dict[str, dict[str, Any]] = {}
        self.fake: dict[str, list[FakeRing]] = {}
        self.refuse, self.cpus = refuse, cpus

    def table(self, name: str) -> Any:
        def open_perf_buffer(_callback: Any, **more: Any) -> None:
            if name == self.refuse:
                raise OSError("no memory")
            self.opened[name] = more
            self.fake[name] = [FakeRing(more["page_cnt"]) for _ in range(self.cpus)]

        return SimpleNamespace(open_perf_buffer=open_perf_buffer)

    def rings(self, name: str) -> list[int]:
        return [ring.fd for ring in self.fake[name]]

    def send(self, ring: str, records: Records, cpu: int = 0) -> None:
        """One after the other."""
        for record in records:
            self.fake[ring][cpu].send(record.tobytes())

    def close(self) -> None:
        for rings in self.fake.values():
            for ring in rings:
                os.close(ring.fd)


def records(*tids: int) -> Records:
    made = wire.empty("thread_record", len(tids))
    made["tid"], made["created_ns"], made["minor"] = tids, np.array(tids) * 10, 7
    return made


def rares(*tids: int) -> Records:
    made = wire.empty("thread_rare", len(tids))
    made["tid"], made["created_ns"], made["changes"] = tids, np.array(tids) * 10, 3
    return made


@pytest.fixture
def program() -> Iterator[FakeProgram]:
    fake = FakeProgram()
    yield fake
    fake.close()


@pytest.fixture
def ring() -> Iterator[FakeRing]:
    small = FakeRing(1)
    yield small
    os.close(small.fd)


def no_barrier() -> None:
    """Whoever writes here is the one who reads."""


def taken(rings: PerfRings) -> list[bytes]:
    """All samples, whole."""
    return [row.tobytes() for chunk in rings.take() for rows in samples(chunk) for row in rows]


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
    for name, longest in (("faults", "fault_event"), ("retired", "thread_record")):
        asked = program.opened[name]
        room = asked["page_cnt"] * PAGE_BYTES // wire.dtype(longest).itemsize
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
    program.fake["retired"][1].send(bytes(100))
    with pytest.raises(SourceError, match="too short"):
        rings.drain()


def test_every_cpu_has_its_own_ring(program: FakeProgram) -> None:
    rings = opened(program)
    for cpu, tids in enumerate([(1, 2, 3), (4, 5)]):
        program.send("retired", records(*tids), cpu)
    assert drained(rings) == ([1, 2, 3, 4, 5], [])


def test_a_ring_is_read_round_and_round_and_gives_room_back(ring: FakeRing) -> None:
    rings = PerfRings([ring.fd], 1, no_barrier)
    sent = 0
    for turn in range(50):
        expected = []
        for size in (4, 100, 100, 100, 1004, 12)[: 1 + turn % 6]:
            sent += 1
            expected.append(sent.to_bytes(4, "little") * (size // 4))
            ring.send(expected[-1])
        assert taken(rings) == expected, turn
        assert ring.positions[DATA_TAIL] == ring.positions[DATA_HEAD]
    assert ring.positions[DATA_HEAD] > 5 * PAGE_BYTES
    assert rings.take() == []


def test_a_full_ring_is_not_taken_for_an_empty_one(ring: FakeRing) -> None:
    rings = PerfRings([ring.fd], 1, no_barrier)
    ring.send(bytes(28 - 8 - 4))
    rings.take()
    assert PAGE_BYTES % 32 == 0
    raw = [bytes([at]) * (32 - 12) for at in range(PAGE_BYTES // 32)]
    for one in raw:
        ring.send(one)
    assert ring.positions[DATA_HEAD] - ring.positions[DATA_TAIL] == PAGE_BYTES
    assert taken(rings) == raw


def test_other_records_among_the_samples_are_passed_over(ring: FakeRing) -> None:
    rings = PerfRings([ring.fd], 1, no_barrier)
    ring.write(perf_record(LOST, bytes(16)))
    ring.send(b"one.")
    ring.write(perf_record(THROTTLE, bytes(24)))
    ring.write(perf_record(LOST, bytes(16)))
    ring.send(b"two.")
    ring.send(b"six.")
    ring.write(perf_record(LOST, bytes(8)))
    assert taken(rings) == [b"one.", b"two.", b"six."]


@pytest.mark.parametrize("count", [1, 2, RUN - 1, RUN, RUN + 1, 2 * RUN, 2 * RUN + 1])
def test_many_of_one_size_come_together(count: int) -> None:
    raw = [at.to_bytes(4, "little") for at in range(count)]
    body = b"".join(perf_record(RECORD_SAMPLE, struct.pack("<I", 4) + one) for one in raw)
    runs = list(samples(np.frombuffer(body, np.uint8)))
    assert [row.tobytes() for rows in runs for row in rows] == raw
    assert len(runs) == -(-count // RUN)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(bytes(16), id="zeros"),
        pytest.param(struct.pack("<IHHQ", RECORD_SAMPLE, 0, 8, 0), id="too short to be one"),
        pytest.param(struct.pack("<IHHQ", RECORD_SAMPLE, 0, 24, 0), id="longer than what came"),
        pytest.param(struct.pack("<IHHQ", RECORD_SAMPLE, 0, 13, 0), id="not in whole words"),
    ],
)
def test_what_cannot_be_a_record_is_an_error_not_a_loop(body: bytes) -> None:
    assert len(body) == 2 * WORD
    with pytest.raises(SourceError, match="no record"):
        list(samples(np.frombuffer(body, np.uint8)))


def test_the_barrier_stands_between_the_position_read_and_the_one_written(ring: FakeRing) -> None:
    seen = []
    rings = PerfRings([ring.fd], 1, lambda: seen.append(ring.positions[DATA_TAIL]))
    rings.take()
    assert seen == []
    ring.send(b"some")
    rings.take()
    assert seen == [0, 0]
    assert ring.positions[DATA_TAIL] == 16


def test_a_ring_of_another_size_than_asked_for_is_refused(ring: FakeRing) -> None:
    ring.positions[DATA_SIZE] = 2 * PAGE_BYTES
    with pytest.raises(SourceError, match="not of the size"):
        PerfRings([ring.fd], 1, no_barrier)


def test_what_cannot_be_mapped_is_explained() -> None:
    with open("/dev/null", "rb") as file, pytest.raises(SourceError, match="mapping a perf buffer"):
        PerfRings([file.fileno()], 1, no_barrier)


def test_memory_is_kept_in_order_by_the_kernel_where_the_processor_does_not() -> None:
    assert barrier_of("x86_64")() is None
    arch = os.uname().machine
    membarrier(SYSCALL_MEMBARRIER[arch])()


def test_a_kernel_that_cannot_keep_memory_in_order_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SYSCALL_MEMBARRIER, "aarch64", 9999)
    with pytest.raises(SourceError, match="in order") as raised:
        barrier_of("aarch64")
    assert raised.value.why.startswith("membarrier: ")


def test_a_ring_that_is_refused_is_explained() -> None:
    with pytest.raises(SourceError, match="perf buffer"):
        opened(FakeProgram(refuse="retired"))


def seconds(wait: Callable[[float], None], timeout_s: float) -> float:
    began = time.monotonic()
    wait(timeout_s)
    return time.monotonic() - began


def test_a_wait_ends_when_it_is_over_or_when_somebody_wants_it_to() -> None:
    waiting = Waiting([])
    assert 0.02 < seconds(waiting.wait, 0.03) < 1
    waiting.wake()
    waiting.wake()
    assert seconds(waiting.wait, 10) < 1
    assert 0.02 < seconds(waiting.wait, 0.03) < 1
    timer = threading.Timer(0.05, waiting.wake)
    timer.start()
    assert seconds(waiting.wait, 10) < 5
    timer.join()


def test_waiting_for_rings_can_be_ended(program: FakeProgram) -> None:
    rings = opened(program)
    # a file is always ready to be read: memory of our own cannot stand for a ring here
    assert seconds(rings.wait, 10) < 1
    rings._filling = Waiting([])
    assert 0.02 < seconds(rings.wait, 0.03) < 1
    rings.wake()
    assert seconds(rings.wait, 10) < 1


def test_what_waits_for_a_ring_is_asked_of_both_kinds(program: FakeProgram) -> None:
    asked = opened(program)._filling._asked["fd"].tolist()
    assert asked[:-1] == [*program.rings("retired"), *program.rings("faults")]


def test_a_wait_the_kernel_refuses_is_explained() -> None:
    def refused(*_: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1

    waiting = Waiting([])
    waiting._poll = refused
    with pytest.raises(SourceError, match="waiting for the perf buffers"):
        waiting.wait(10)


def test_closed_rings_are_let_go_of(program: FakeProgram) -> None:
    rings = opened(program)
    before = len(os.listdir("/proc/self/fd"))
    program.send("retired", records(1))
    rings.close()
    # a mapping has a descriptor of its own
    assert len(os.listdir("/proc/self/fd")) == before - 4
    assert drained(rings) == ([], [])
    rings.close()


def test_rings_of_no_cpu_are_an_error() -> None:
    with pytest.raises(SourceError, match="no CPU"):
        opened(FakeProgram(cpus=0))


@pytest.mark.parametrize(("ahead_ns", "shown_ns"), [(0, 5), (CLOCKS_APART_NS - 1, 5), (7 * 10**12, 7 * 10**12 + 5)])
def test_logged_faults_are_told_by_the_boot_clock(
    program: FakeProgram, monkeypatch: pytest.MonkeyPatch, ahead_ns: int, shown_ns: int
) -> None:
    monkeypatch.setattr("pftop.source.rings.suspended_ns", lambda: ahead_ns)
    rings = opened(program)
    events = wire.empty("fault_event", 2)
    events["ts_ns"], events["start_ns"], events["latency_ns"] = 5, 3, 2
    program.send("faults", events)
    found = rings.drain().events
    assert found["ts_ns"].tolist() == [shown_ns] * 2
    assert (found["start_ns"].tolist(), found["latency_ns"].tolist()) == ([3] * 2, [2] * 2)


def test_a_wait_ends_when_there_is_something_to_read() -> None:
    reader, writer = os.pipe()
    try:
        waiting = Waiting([reader])
        assert 0.02 < seconds(waiting.wait, 0.03) < 1
        os.write(writer, b"x")
        assert seconds(waiting.wait, 10) < 1
    finally:
        os.close(reader)
        os.close(writer)


def test_a_signal_ends_the_wait_though_its_handler_raises_nothing() -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert seconds(Waiting([]).wait, 10) < 5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
