"""Owns readings of the machine as a whole: vmstat's fault counters, memory pressure, and pftop's own cost."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from pathlib import Path

from pftop.events import Cost, Pressure, VmStat
from pftop.text import Safe, clean

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def read_vmstat(path: Path = Path("/proc/vmstat")) -> VmStat | None:
    """``pgfault`` and ``pgmajfault``, which count failed faults and those of get_user_pages too."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    numbers = []
    for name in (b"pgfault ", b"pgmajfault "):
        at = data.find(b"\n" + name)
        if at < 0:
            return None
        numbers.append(int(data[at + 1 + len(name) :].split(b"\n", 1)[0]))
    return VmStat(*numbers)


def read_pressure(path: Path = Path("/proc/pressure/memory")) -> Pressure | None:
    """Share of the last 10 s in which some, or all, tasks waited for memory, in per cent."""
    try:
        lines = path.read_text().splitlines()
        values = [float(line.split()[1].removeprefix("avg10=")) for line in lines[:2]]
    except (OSError, ValueError, IndexError):
        return None
    return Pressure(*values) if len(values) == 2 else None


class CpuWatch:
    """Notices that CPUs have come or gone, as in a suspend: the kernel takes their perf events away for good."""

    def __init__(self, path: Path = Path("/sys/devices/system/cpu/online")) -> None:
        self._path = path
        self._before = self._read()

    def _read(self) -> str:
        try:
            return self._path.read_text().strip()
        except OSError:
            return ""

    def look(self) -> Safe | None:
        """What to say of a change since the last call, or since the beginning."""
        before, self._before = self._before, self._read()
        if before == self._before:
            return None
        change = f"CPUs online: {before} before, {self._before} now"
        lost = "Where one was away, faults are no longer seen to end, and log lines and ended threads are lost"
        return clean(f"{change}. {lost}: restart pftop", 500)


def take_descriptors() -> None:
    """Raise the soft limit to the hard one, where that is allowed.

    A CPU takes up to seven descriptors, for perf events and for rings: 150 CPUs are too many for the limit of 1,024
    that most sessions have.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # refused where fs.nr_open was set below the hard limit since
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def suspended_ns() -> int:
    """What the boot clock is ahead of the monotonic one, which stands still while the machine is suspended."""
    readings = []
    for _ in range(3):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        took = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - before
        readings.append((took, boot - before - took // 2))
    # the one in which least came between
    return max(0, min(readings)[1])


def own_rss_bytes() -> int | None:
    """Resident memory of this process."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return None


class CostMeter:
    """CPU share of this process between two readings, and its memory."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), self._used()

    @staticmethod
    def _used() -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    def read(self) -> Cost:
        """Since the last call; the ratio is None when no time has passed."""
        wall, cpu = time.monotonic(), self._used()
        ratio = (cpu - self._cpu) / (wall - self._wall) if wall > self._wall else None
        self._wall, self._cpu = wall, cpu
        return Cost(cpu_ratio=ratio, rss_bytes=own_rss_bytes())
