"""Owns readings of another process's CPU time and memory."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int) -> float:
    """CPU seconds its living threads have used, to the nanosecond."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        # a thread may end between the two
        with contextlib.suppress(OSError):
            total += int((task / "schedstat").read_bytes().split()[0])
    return total / 1e9


def rss_bytes(pid: int) -> int:
    """Resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE_BYTES


class Meter:
    """CPU share of a process since the last reading."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._cpu, self._wall = cpu_s(pid), time.monotonic()

    def read(self) -> float:
        """Share of one CPU."""
        cpu, wall = cpu_s(self._pid), time.monotonic()
        share = (cpu - self._cpu) / max(wall - self._wall, 1e-9)
        self._cpu, self._wall = cpu, wall
        return share
