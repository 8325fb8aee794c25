"""Owns the run time of pftop's BPF programs, from the kernel's own statistics of them.

The kernel keeps these only while somebody holds a descriptor that asks for it. They cost two readings of a
clock for every run of every BPF program on the machine, so they are asked for only while they are shown; when
pftop ends, in whatever way, the descriptor is closed and they are off again. The sysctl is left alone.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pftop.events import Cost
from pftop.source import syscall
from pftop.source.kernel import read_text
from pftop.text import clean

BPF_ENABLE_STATS, BPF_STATS_RUN_TIME = 32, 0
BESIDE_FAULTS = frozenset({"on_exit", "on_exec", "on_newtask", "on_rename"})
"""Programs that run when threads begin and end: part of what pftop costs, but not of what a fault costs."""


class RunTime(NamedTuple):
    """What the kernel counted of a program since it was loaded, while statistics were on."""

    ns: int
    runs: int


class Reading(NamedTuple):
    """All programs at one moment, and how many faults pftop had counted by then."""

    at_s: float
    seen: int
    faults_ns: int
    all_ns: int
    runs: int


def parse_fdinfo(text: str | None) -> RunTime | None:
    """Run time and runs from the ``fdinfo`` of a program; None where the kernel does not tell."""
    fields = dict(line.split(":", 1) for line in (text or "").splitlines() if ":" in line)
    try:
        return RunTime(int(fields["run_time_ns"]), int(fields["run_cnt"]))
    except (KeyError, ValueError):
        return None


def enable(arch: str) -> int:
    """A descriptor that keeps statistics on while it is open; raises OSError."""
    number = syscall.SYSCALL_BPF.get(arch)
    if number is None:
        raise OSError(0, f"the bpf system call's number on {arch} is not known")
    return syscall.bpf(number, BPF_ENABLE_STATS, BPF_STATS_RUN_TIME.to_bytes(4, "little"))


class RunStats:
    """The statistics of some programs, by name and descriptor, while they are switched on."""

    def __init__(
        self,
        programs: Callable[[], Mapping[str, int]],
        *,
        open_switch: Callable[[str], int] = enable,
        fdinfo: Path = Path("/proc/self/fdinfo"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._programs, self._open_switch, self._fdinfo, self._clock = programs, open_switch, fdinfo, clock
        self._switch: int | None = None
        self._before: Reading | None = None
        self._why_not = ""

    def on(self, seen: int) -> None:
        """Switch on, if that is allowed; ``seen`` faults have been counted so far."""
        if self._switch is not None or self._why_not:
            return
        try:
            self._switch = self._open_switch(platform.machine())
        except OSError as error:
            self._why_not = f"the kernel gives no BPF statistics: {error.strerror}"
            return
        self._before = self._read(seen)
        if self._before is None:
            self.off()

    def off(self) -> None:
        """Switch off; may be called twice."""
        if self._switch is not None:
            os.close(self._switch)
        self._switch = self._before = None

    def _read(self, seen: int) -> Reading | None:
        """The programs as they stand now."""
        found = {name: parse_fdinfo(read_text(self._fdinfo / str(fd))) for name, fd in self._programs().items()}
        known = {name: time_ for name, time_ in found.items() if time_ is not None}
        if not found or len(known) < len(found):
            self._why_not = "the kernel does not tell how long BPF programs run"
            return None
        faults = [time_ for name, time_ in known.items() if name not in BESIDE_FAULTS]
        return Reading(
            at_s=self._clock(),
            seen=seen,
            faults_ns=sum(time_.ns for time_ in faults),
            all_ns=sum(time_.ns for time_ in known.values()),
            runs=sum(time_.runs for time_ in faults),
        )

    def add_to(self, cost: Cost, seen: int) -> Cost:
        """The cost with what BPF took since the last call, or since it was switched on."""
        if self._switch is None:
            return replace(cost, bpf_unknown=clean(self._why_not)) if self._why_not else cost
        before, now = self._before, self._read(seen)
        self._before = now
        if before is None or now is None or now.at_s <= before.at_s:
            return replace(cost, bpf_unknown=clean(self._why_not))
        faults = now.seen - before.seen
        told = faults > 0 and now.runs > before.runs
        return replace(
            cost,
            bpf_ns_per_fault=(now.faults_ns - before.faults_ns) / faults if told else None,
            bpf_ratio=(now.all_ns - before.all_ns) / ((now.at_s - before.at_s) * 1e9),
        )
