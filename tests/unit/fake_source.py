"""Owns a scripted ``FaultSource``, a lookup over fixed mappings, and a clock that only moves when told to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pftop.events import Batch, Cost, Identity, PlanInfo, ProcessInfo, ProcessKey, Records, Sample
from pftop.mappings import Mappings, MemoryMapping
from pftop.source import wire
from pftop.text import Safe
from tests.factories import make_plan
from tests.unit.fake_kernel import FakeKernel, joined, make_event


def pages(*rows: tuple[int, int, int, int]) -> Records:
    """Page counts: page number, minor, major, ns."""
    names = ("page", "minor", "major", "latency_sum_ns")
    return np.array(list(rows), np.dtype([(name, "<u8") for name in names]))


def mapping(start: int, end: int, name: str = "/bin/x", perms: str = "rw-p", offset: int = 0) -> MemoryMapping:
    return MemoryMapping(start, end, perms, offset, Safe(name))


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeSource:
    """A ``FaultSource`` over a ``FakeKernel``; reading takes as long as it is asked to wait, on the fake clock."""

    clock: Clock
    kernel: FakeKernel = field(default_factory=FakeKernel)
    plan: PlanInfo = field(default_factory=make_plan)
    pages: Records | None = None
    cost: Cost = field(default_factory=Cost)
    asked: list[object] = field(default_factory=list)
    said: list[Safe] = field(default_factory=list)
    samples: int = 0
    on_read: Callable[[], None] = lambda: None

    def read(self, timeout_s: float) -> Batch:
        self.asked.append(("read", round(timeout_s, 6)))
        self.clock.now += timeout_s
        self.on_read()
        return self.kernel.drain()

    def wake(self) -> None:
        self.asked.append("wake")

    def sample(self) -> Sample:
        self.samples += 1
        return replace(self.kernel.sample(), pages=self.pages, cost=self.cost)

    def focus(self, pid: int | None) -> None:
        self.asked.append(("focus", pid))

    def adopt(self, enabled: bool) -> None:
        self.asked.append(("adopt", enabled))

    def set_log_rate(self, per_second: int) -> None:
        self.asked.append(("log rate", per_second))

    def measure_cost(self, enabled: bool) -> None:
        self.asked.append(("measure cost", enabled))

    def stack(self, stack_id: int, ended_ns: int) -> tuple[int, ...]:
        return (0x2000, 0x5010) if stack_id == 3 else ()

    def forget_stacks(self) -> None:
        self.asked.append("forget stacks")

    def messages(self) -> Sequence[Safe]:
        said, self.said = self.said, []
        return said

    def close(self) -> None:
        self.asked.append("close")

    def log(self, count: int, **fields: object) -> None:
        """Put logged faults into the ring."""
        events = joined([make_event(**fields) for _ in range(count)], "fault_event")
        events["ts_ns"] = np.arange(1, count + 1)
        self.kernel.events.append(events)


@dataclass
class FakeLookup:
    """A ``ProcessLookup`` that knows the same mappings of every process."""

    known: tuple[MemoryMapping, ...] = ()
    dead: frozenset[int] = frozenset()

    def find(self, pids: Iterable[int]) -> Sequence[tuple[ProcessKey, Safe, int]]:
        return [(ProcessKey(pid, 0), Safe("-"), 0) for pid in pids]

    def describe(self, keys: Iterable[tuple[ProcessKey, Safe, int]]) -> Mapping[ProcessKey, ProcessInfo]:
        return {key: ProcessInfo(Safe("me"), comm, 1, key.pid not in self.dead) for key, comm, _ in keys}

    def identify(self, key: ProcessKey) -> Identity:
        return Identity(exe=Safe(f"/proc/{key.pid}/exe"))

    def mapping(self, key: ProcessKey, address: int) -> MemoryMapping | None:
        return next((m for m in self.known if m.start <= address < m.end), None)

    def mappings(self, key: ProcessKey) -> Mappings:
        return Mappings.of(self.known)

    def symbol(self, key: ProcessKey, ip: int, kernel: bool) -> Safe | None:
        return Safe(f"{'kernel' if kernel else 'user'}+{ip:#x}")


NO_EVENTS = wire.empty("fault_event")
