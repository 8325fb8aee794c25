"""Owns what the live tests share: known programs, pftop as a child that writes JSON Lines, perf counters."""

from __future__ import annotations

import ctypes
import json
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).resolve().parent / "programs"
SOFTWARE, FAULTS, MINOR, MAJOR = 1, 2, 5, 6
PERF_EVENT_OPEN = {"x86_64": 298}
SHARE = int(os.environ.get("PFTOP_TEST_SHARE", "1"))
"""On an emulated machine so many times fewer faults and processes, and much more time: see tests/vm/campaign.py."""
DEADLINE_S = 60.0 if SHARE == 1 else 600.0
BTF = Path("/sys/kernel/btf/vmlinux")
TELLS_ACCOUNT = BTF.exists() and b"\0btf_trace_count_memcg_events\0" in BTF.read_bytes()
HOST_PLANS = ("memcg", "perf") if TELLS_ACCOUNT else ("perf",)
PLANS = tuple(os.environ.get("PFTOP_TEST_PLANS", "").split()) or HOST_PLANS
"""The plans without sight of ``handle_mm_fault`` that this kernel allows, best first; or those asked for."""
SEES_REMOTE = PLANS[0] in ("fentry", "kprobe")
"""Faults that the kernel does for itself, by get_user_pages, are counted too."""

Json = dict[str, Any]


def compile_program(name: str, directory: Path) -> Path:
    """One of ``programs/*.c`` as an executable."""
    target = directory / name
    source = PROGRAMS / f"{name}.c"
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-pthread", "-o", target, source], check=True)
    return target


class Program:
    """A known program, driven by lines on its standard input."""

    def __init__(self, *argv: str | Path) -> None:
        self.child = subprocess.Popen(
            [str(word) for word in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.pid = self.child.pid

    def hear(self) -> str:
        """Its next line."""
        assert self.child.stdout is not None
        return self.child.stdout.readline().strip()

    def tell(self) -> None:
        """A line, which it waits for."""
        assert self.child.stdin is not None
        self.child.stdin.write("go\n")
        self.child.stdin.flush()

    def usage(self) -> tuple[int, int]:
        """Minor and major faults of its "done" line."""
        word, minor, major = self.hear().split()
        assert word == "done"
        return int(minor), int(major)

    def threads(self) -> list[int]:
        """Its thread ids."""
        return [int(name) for name in os.listdir(f"/proc/{self.pid}/task")]

    def close(self) -> None:
        """Make sure it is gone."""
        self.child.kill()
        self.child.communicate()


class PerfCounter:
    """Perf's own count of a software event over some threads and all they start."""

    def __init__(self, config: int, tids: list[int]) -> None:
        # type, size, config, period, sample_type, read_format, flags: inherit
        attributes = struct.pack("<IIQQQQQ", SOFTWARE, 112, config, 0, 0, 0, 2) + bytes(64)
        self._buffer = ctypes.create_string_buffer(attributes)
        libc = ctypes.CDLL(None, use_errno=True)
        self._fds = []
        for tid in tids:
            fd = libc.syscall(PERF_EVENT_OPEN[os.uname().machine], self._buffer, tid, -1, -1, 0)
            assert fd >= 0, os.strerror(ctypes.get_errno())
            self._fds.append(fd)

    def read(self) -> int:
        """The count so far."""
        return sum(struct.unpack("<Q", os.read(fd, 8))[0] for fd in self._fds)

    def close(self) -> None:
        """Let the counters go."""
        for fd in self._fds:
            os.close(fd)


class Pftop:
    """``pftop -J`` as a child; its objects arrive through a queue as they are written."""

    def __init__(self, *options: str, probe: str = PLANS[0], delay: str = "0.3") -> None:
        argv = [sys.executable, "-m", "pftop", "-J", "-d", delay, "--probe", probe, *options]
        self.child = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, bufsize=1
        )
        self.objects: list[Json] = []
        self._queue: queue.Queue[Json | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self._queue.put(json.loads(line))
        self._queue.put(None)

    def _next(self, deadline: float) -> Json:
        found = self._queue.get(timeout=max(0.1, deadline - time.monotonic()))
        if found is None:
            assert self.child.stderr is not None
            raise AssertionError(f"pftop ended: {self.child.stderr.read()}")
        self.objects.append(found)
        return found

    def wait(self, wanted: Callable[[Json], bool], within_s: float = DEADLINE_S) -> Json:
        """The next object that is wanted."""
        deadline = time.monotonic() + within_s
        while True:
            found = self._next(deadline)
            if wanted(found):
                return found

    def ready(self) -> None:
        """Return once it counts: its first tick has come."""
        self.wait(lambda found: found["type"] == "tick")

    def next_tick(self) -> Json:
        """The first tick whose reading began after now: it has all that has happened."""
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        return self.wait(lambda found: found["type"] == "tick" and found["ts_ns"] > now)

    def stop(self) -> Json:
        """End it by SIGINT; returns the end object."""
        self.child.send_signal(signal.SIGINT)
        end = self.wait(lambda found: found["type"] == "end")
        self.child.wait(DEADLINE_S)
        return end

    def end(self) -> Json:
        """Wait for its own end."""
        end = self.wait(lambda found: found["type"] == "end")
        self.child.wait(DEADLINE_S)
        return end

    def rows(self, pid: int) -> Iterator[Json]:
        """The rows of a process in all ticks so far."""
        for found in self.objects:
            if found["type"] == "tick":
                yield from (row for row in found["processes"] if row["pid"] == pid)

    def ticks(self) -> list[Json]:
        """All ticks so far."""
        return [found for found in self.objects if found["type"] == "tick"]

    def faults(self) -> list[Json]:
        """All logged faults so far."""
        return [found for found in self.objects if found["type"] == "fault"]

    def close(self) -> None:
        """Make sure it is gone."""
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()


def balanced(ticks: list[Json]) -> None:
    """Both ledgers hold at every tick, and their figures are those of the contract; only emulation loses lines."""
    for tick in ticks:
        ledger, log = tick["ledger"], tick["log"]
        assert abs(ledger["seen_off"]) <= ledger["slack"], (ledger, tick["totals"])
        assert abs(ledger["log_off"]) <= ledger["slack"], (ledger, log)
        assert log["lost"] == 0 or SHARE > 1
