"""Owns what the exactness tests share: counters of the whole machine, accounts by identity, pftop made small."""

from __future__ import annotations

import ctypes
import os
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.harness import (
    MAJOR,
    MINOR,
    PERF_EVENT_OPEN,
    PLANS,
    PROGRAMS,
    ROOT,
    SOFTWARE,
    Json,
    PerfCounter,
    Pftop,
)

MIGRATIONS = 4
Key = tuple[int, int]


@dataclass
class Account:
    """All that the rows of one process tell, added up over the ticks."""

    minor: int = 0
    major: int = 0
    failed: int = 0
    remote: int = 0
    """Of the above: done for the kernel's own access; 0 under a plan that does not see them."""
    latencies: int = 0
    stall_ns: int = 0
    exited: bool = False
    comms: set[str] = field(default_factory=set)
    before: tuple[int, int, int] = (0, 0, 0)
    """What it had before the first tick's interval: between pftop's attaching and its first reading."""
    totals: tuple[int, int, int] = (0, 0, 0)
    """What its latest row says it has had since the start."""

    @property
    def counts(self) -> tuple[int, int, int]:
        """Minor, major, failed."""
        return self.minor, self.major, self.failed


def accounts(ticks: list[Json]) -> dict[Key, Account]:
    """By identity; a row that a process asked for has before its first fault is left out."""
    found: dict[Key, Account] = {}
    for tick in ticks:
        for row in tick["processes"]:
            if not (row["minor_total"] or row["major_total"] or row["failed_total"]):
                continue
            key = row["pid"], row["start_ns"]
            if key not in found:
                was_there = row["start_ns"] < ticks[0]["ts_ns"]
                found[key] = Account(before=_before_first(row)) if was_there else Account()
            account = found[key]
            account.minor += row["minor"]
            account.major += row["major"]
            account.failed += row["failed"]
            account.remote += row["remote"] or 0
            account.latencies += row["latency"]["count"]
            account.stall_ns += row["stall_ns"]
            account.exited = account.exited or row["exited"]
            account.comms.add(row["comm"])
            account.totals = (row["minor_total"], row["major_total"], row["failed_total"])
    return found


def _before_first(row: Json) -> tuple[int, int, int]:
    """What the first row of a process has had that no tick tells."""
    minor, major, failed = (row[f"{kind}_total"] - row[kind] for kind in ("minor", "major", "failed"))
    return minor, major, failed


def since(watch: Pftop, seq: int) -> list[Json]:
    """The ticks after this one."""
    return [tick for tick in watch.ticks() if tick["seq"] > seq]


def whole(found: dict[Key, Account]) -> None:
    """In every account the differences make the total, and every completed fault has a latency."""
    for key, account in found.items():
        assert tuple(map(sum, zip(account.before, account.counts, strict=True))) == account.totals, key
        assert account.latencies == account.minor + account.major, key


def exact(ticks: list[Json]) -> None:
    """Both ledgers hold; unlike ``balanced`` it admits a log that lost records."""
    for tick in ticks:
        ledger = tick["ledger"]
        assert abs(ledger["seen_off"]) <= ledger["slack"], (ledger, tick["totals"])
        assert abs(ledger["log_off"]) <= ledger["slack"], (ledger, tick["log"])


def all_named(ticks: list[Json]) -> None:
    """The thread map had room for every thread there was."""
    assert not sum(tick["totals"]["unattributed"] for tick in ticks), "thousands of threads of others fill the map"


def of_pid(found: dict[Key, Account], pid: int) -> Account:
    """The one account of a process id."""
    (account,) = (account for key, account in found.items() if key[0] == pid)
    return account


def proc_faults(pid: int) -> tuple[int, int]:
    """``minflt`` and ``majflt`` of ``/proc/PID/stat``."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[7]), int(fields[9])


def build_tiny(directory: Path) -> Path:
    """``programs/tiny.c``, which has no library."""
    target = directory / "tiny"
    flags = ["-O2", "-Wall", "-Werror", "-static", "-nostdlib", "-ffreestanding"]
    subprocess.run(["gcc", *flags, "-o", target, PROGRAMS / "tiny.c"], check=True)
    return target


class MachineCounter(PerfCounter):
    """Perf's own count of a software event on every CPU, whoever runs there."""

    def __init__(self, config: int) -> None:
        attributes = struct.pack("<IIQQQQQ", SOFTWARE, 112, config, 0, 0, 0, 0) + bytes(64)
        self._buffer = ctypes.create_string_buffer(attributes)
        libc = ctypes.CDLL(None, use_errno=True)
        self._fds = []
        for cpu in sorted(os.sched_getaffinity(1)):
            fd = libc.syscall(PERF_EVENT_OPEN[os.uname().machine], self._buffer, -1, cpu, -1, 0)
            assert fd >= 0, os.strerror(ctypes.get_errno())
            self._fds.append(fd)


@contextmanager
def family_counters(pid: int) -> Iterator[list[PerfCounter]]:
    """Perf's count of minor and major faults of a process and of all it starts from now on."""
    tids = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    counters = [PerfCounter(MINOR, tids), PerfCounter(MAJOR, tids)]
    try:
        yield counters
    finally:
        for counter in counters:
            counter.close()


class Changed(Pftop):
    """Pftop with something made small: a text of ``machine.MADE_SMALL`` runs in place of the command."""

    def __init__(self, text: str, *options: str, delay: str = "0.3") -> None:
        argv = [sys.executable, "-c", text, "-J", "-d", delay, "--probe", PLANS[0], *options]
        self.child = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, bufsize=1
        )
        self.objects = []
        self._queue = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
