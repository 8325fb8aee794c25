"""Owns the ``proc`` plan: fault counts of ``/proc/PID/stat``, for machines and users without eBPF.

It tells rates and nothing else: no latency, no log, no process that lived and died between two samples.
Records have the form of the eBPF ones, so that one accounting serves all plans.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from pftop.events import Batch, Counters, PlanInfo, Records, Sample, Threads
from pftop.source import wire
from pftop.source.header import header
from pftop.source.machine import CostMeter, read_pressure, read_vmstat
from pftop.source.procstat import read_all
from pftop.text import Safe

FAMILY = header().numbers["THREAD_FAMILY"]
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class ProcSource:
    """A ``FaultSource`` that needs nothing, not even root."""

    def __init__(self, plan: PlanInfo, root: Path = Path("/proc")) -> None:
        self._plan, self._root = plan, root
        self._cost = CostMeter()
        self._woken = threading.Event()
        self._closed = False
        self._opened_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self._base: dict[tuple[int, int], tuple[int, int]] | None = None
        self._own = (0, 0)
        self._family: set[int] = set()

    @property
    def plan(self) -> PlanInfo:
        """The plan that runs."""
        return self._plan

    def read(self, timeout_s: float) -> Batch:
        """Nothing ever comes between samples; waits all the same."""
        self._woken.wait(timeout_s)
        if not self._closed:
            self._woken.clear()
        return Batch(wire.no_threads(), wire.empty("fault_event"))

    def wake(self) -> None:
        """End a wait that is under way, or the next; from any thread."""
        self._woken.set()

    def sample(self) -> Sample:
        """Counts of every process since pftop started; its own apart."""
        ts_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        vmstat = read_vmstat()
        records = self._records()
        return Sample(
            ts_ns=ts_ns,
            threads=Threads(records, wire.empty("thread_rare")),
            late=Batch(wire.no_threads(), wire.empty("fault_event")),
            before=Counters(),
            after=Counters(own_minor=self._own[0], own_major=self._own[1]),
            vmstat=vmstat,
            pressure=read_pressure(),
            cost=self._cost.read(),
        )

    def _records(self) -> Records:
        """One record a process, counted from the first sample on, or from its start if that was later."""
        # one that is being reaped has no threads any more, and may be without counts, too
        stats = [(stat, uid) for stat, uid in read_all(self._root) if stat.threads > 0]
        if self._base is None:
            self._base = {(s.pid, s.start_ticks): (s.minflt, s.majflt) for s, _ in stats}
        records = wire.empty("thread_record", len(stats))
        own_pid, kept = os.getpid(), 0
        self._grow_family(own_pid, {s.pid: s.ppid for s, _ in stats})
        for stat, uid in stats:
            minor, major = self._base.get((stat.pid, stat.start_ticks), (0, 0))
            minor, major = stat.minflt - minor, stat.majflt - major
            if stat.pid == own_pid:
                self._own = (minor, major)
                continue
            record = records[kept]
            record["start_ns"] = stat.start_ticks * TICK_NS
            # identity beside the tid; never 0, even for the first process of the machine
            record["created_ns"] = stat.start_ticks * TICK_NS + 1
            record["minor"], record["major"] = minor, major
            record["tgid"] = record["tid"] = stat.pid
            record["uid"], record["comm"] = uid, stat.comm[:15]
            record["flags"] = FAMILY if stat.pid in self._family else 0
            kept += 1
        return records[:kept]

    def _grow_family(self, own_pid: int, parents: dict[int, int]) -> None:
        """Add descendants; those seen once stay when their parent ends before them."""
        self._family &= parents.keys()
        walked: set[int] = set()
        for pid in parents:
            chain, at = [], pid
            # each is walked over once: strangers may stand in chains as long as there are PIDs
            while at in parents and at != own_pid and at not in self._family and at not in walked:
                walked.add(at)
                chain.append(at)
                at = parents[at]
            if at == own_pid or at in self._family:
                self._family.update(chain)

    def focus(self, pid: int | None) -> None:
        """Nothing to count by page here."""

    def adopt(self, enabled: bool) -> None:
        """pftop forks nothing but the command that is followed: its descendants are the family."""

    def set_log_rate(self, per_second: int) -> None:
        """There is no log."""

    def measure_cost(self, enabled: bool) -> None:
        """There are no programs."""

    def stack(self, stack_id: int, ended_ns: int) -> tuple[int, ...]:
        """There are none."""
        return ()

    def forget_stacks(self) -> None:
        """There are none."""

    def messages(self) -> Sequence[Safe]:
        """Nothing is printed by anyone."""
        return ()

    def close(self) -> None:
        """Wake a waiting ``read``; may be called twice."""
        self._closed = True
        self._woken.set()
