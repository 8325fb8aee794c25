"""Owns a source that never was: the wire records of a huge machine, made with numpy, fed tick by tick."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pftop.events import Batch, Counters, Features, PlanInfo, Records, Sample, Threads
from pftop.source import wire
from pftop.source.perf_ring import RUN
from pftop.source.procstat import TICK_NS
from pftop.text import Safe

Rows = npt.NDArray[np.uint8]
FIRST_PID = 100_000
READS_A_TICK = 10
BUCKETS_USED = slice(16, 32)
GROUP_DEAD = 1


@dataclass(frozen=True, slots=True)
class Machine:
    """What is simulated; rates are a second."""

    cpus: int = 256
    threads: int = 65_536
    threads_each: int = 8
    faults: int = 10_000_000
    logged: int = 256_000
    busy_share: float = 1.0
    ends: int = 0
    """Processes that end a second, having lived less than one."""

    def part(self, share: int) -> Machine:
        """The same, so many times smaller."""
        smaller = {name: getattr(self, name) // share for name in ("cpus", "threads", "faults", "logged", "ends")}
        return replace(self, **smaller)

    @property
    def processes(self) -> int:
        """Processes that live all the time."""
        return self.threads // self.threads_each

    @property
    def words(self) -> str:
        """Its size."""
        size = f"{self.cpus} CPUs, {self.threads:,} threads, {self.faults / 1e6:.4g} M faults/s"
        return f"{size}, {self.logged:,} of them logged" + (f", {self.ends:,} ends/s" if self.ends else "")


class SimulatedSource:
    """A ``FaultSource``; whatever it hands out was made before the clock of the measurement ran."""

    def __init__(self, machine: Machine, features: Features, mappings: Sequence[tuple[int, int]]) -> None:
        self.machine = machine
        self.plan = PlanInfo("perf", features, cpus=machine.cpus)
        self.now_s = 0.0
        self._random = np.random.default_rng(1)
        self._mappings = np.array(mappings, np.uint64)
        self._records = self._first_records()
        self._buffers = [self._records.copy() for _ in range(2)]
        self._turn = 0
        self._counters = Counters()
        self._chunks: list[list[Rows]] = []
        self._ended: list[list[Rows]] = []
        self._next_pid = FIRST_PID + machine.threads
        self.prepare()

    def clock(self) -> float:
        """Seconds that the feed says have passed."""
        return self.now_s

    def _first_records(self) -> Records:
        machine = self.machine
        records = wire.empty("thread_record", machine.threads)
        number = np.arange(machine.threads)
        records["tid"] = FIRST_PID + number
        records["tgid"] = FIRST_PID + number // machine.threads_each * machine.threads_each
        records["start_ns"] = records["tgid"].astype(np.uint64) * TICK_NS
        records["created_ns"] = 10**9 + number
        records["comm"] = b"worker"
        return records

    def prepare(self) -> None:
        """The next tick's faults, log and ends."""
        self._fault(self.machine.faults)
        self._turn ^= 1
        self._buffers[self._turn][:] = self._records
        self._chunks = [self._log(self.machine.logged // READS_A_TICK) for _ in range(READS_A_TICK)]
        self._ended = [self._ends(self.machine.ends // READS_A_TICK) for _ in range(READS_A_TICK)]
        old, logged = self._counters, self.machine.logged
        done = self.machine.faults + self.machine.ends // READS_A_TICK * READS_A_TICK
        self._counters = replace(
            old,
            seen=old.seen + done,
            completed=old.completed + done,
            logged=old.logged + logged,
            sampled_out=old.sampled_out + done - logged,
        )

    def _fault(self, count: int) -> None:
        """Spread faults over the threads that are busy this tick."""
        machine, records = self.machine, self._records
        busy = np.flatnonzero(self._random.random(machine.processes) < machine.busy_share)
        threads = (busy[:, None] * machine.threads_each + np.arange(machine.threads_each)).ravel()
        each = np.full(len(threads), count // len(threads), np.uint64)
        each[: count - int(each.sum())] += 1
        for name in ("minor", "write"):
            records[name][threads] += each
        records["latency_sum_ns"][threads] += each * 1500
        records["minor_max_ns"][threads] = 40_000
        records["minor_min_ns"][threads] = 300
        width = BUCKETS_USED.stop - BUCKETS_USED.start
        buckets = records["minor_buckets"]
        buckets[threads, BUCKETS_USED] += (each // width).astype(np.uint32)[:, None]
        self._busy = threads

    def _log(self, count: int) -> list[Rows]:
        events = wire.empty("fault_event", count)
        of = self._records[self._random.choice(self._busy, count)]
        for name in ("tgid", "tid", "start_ns", "comm"):
            events[name] = of[name]
        places = self._mappings[self._random.integers(0, len(self._mappings), count)]
        events["address"] = places[:, 0]
        events["ip"] = places[:, 0]
        events["latency_ns"], events["access"], events["flags"], events["error_code"] = 1500, 1, 2, 6
        events["ts_ns"] = np.arange(count)
        return as_read(events)

    def _ends(self, count: int) -> list[Rows]:
        records = wire.empty("thread_record", count)
        records["tid"] = records["tgid"] = self._next_pid + np.arange(count)
        self._next_pid += count
        records["start_ns"] = records["created_ns"] = 10**15 + records["tid"].astype(np.uint64)
        records["minor"] = records["write"] = 1
        records["minor_buckets"][:, 20] = 1
        records["flags"], records["comm"] = GROUP_DEAD, b"short"
        return as_read(records)

    def read(self, timeout_s: float) -> Batch:
        """A tenth of a tick's log and ends; decoded as ever."""
        if not timeout_s or not self._chunks:
            self.now_s += timeout_s
            return Batch(wire.no_threads(), wire.empty("fault_event"))
        self.now_s += 1 / READS_A_TICK
        retired = wire.decode(self._ended.pop(), "thread_record")
        return Batch(Threads(retired, wire.empty("thread_rare")), wire.decode(self._chunks.pop(), "fault_event"))

    def wake(self) -> None:
        """Nothing waits."""

    def sample(self) -> Sample:
        """What was prepared."""
        nothing = Batch(wire.no_threads(), wire.empty("fault_event"))
        threads = Threads(self._buffers[self._turn], wire.empty("thread_rare"))
        return Sample(int(self.now_s * 1e9) + 10**12, threads, nothing, self._counters, self._counters)

    def focus(self, pid: int | None) -> None:
        """Nothing to do."""

    def adopt(self, enabled: bool) -> None:
        """Nothing to do."""

    def set_log_rate(self, per_second: int) -> None:
        """Nothing to do."""

    def measure_cost(self, enabled: bool) -> None:
        """Nothing to do."""

    def stack(self, stack_id: int, ended_ns: int) -> tuple[int, ...]:
        """None."""
        return ()

    def forget_stacks(self) -> None:
        """None."""

    def messages(self) -> Sequence[Safe]:
        """None."""
        return ()

    def close(self) -> None:
        """Nothing to do."""


def write_proc(root: Path, machine: Machine) -> list[tuple[int, int]]:
    """Files like those of ``/proc`` for every process, for the real reader of them; returns its mappings."""
    maps = Path("/proc/self/maps").read_bytes()
    for number in range(machine.processes):
        pid = FIRST_PID + number * machine.threads_each
        directory = root / str(pid)
        os.mkdir(directory)
        fields = [
            "S",
            "1",
            *["0"] * 5,
            "5",
            "0",
            "0",
            *["0"] * 7,
            str(machine.threads_each),
            "0",
            str(pid),
            "0",
            "100",
        ]
        first_thread = directory / "task" / str(pid)
        first_thread.mkdir(parents=True)
        (first_thread / "stat").write_text(f"{pid} (worker) {' '.join(fields)}\n")
        (directory / "cmdline").write_bytes(b"/usr/bin/worker\0--number\0%d\0" % number)
        (directory / "maps").write_bytes(maps)
    ranges = [line.split()[0].split(b"-") for line in maps.splitlines()]
    return [(int(start, 16), int(end, 16)) for start, end in ranges]


def as_read(records: Records) -> list[Rows]:
    """Records as they are taken out of a ring: rows of bytes, so many at once."""
    rows = np.frombuffer(records.tobytes(), np.uint8).reshape(len(records), records.dtype.itemsize)
    return [rows[at : at + RUN] for at in range(0, len(rows), RUN)]
