"""Owns ``FakeFeed``, a feed that needs no kernel, and an invented busy machine for it to tell of."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import deque
from dataclasses import replace

from pftop.events import Access, FaultKind, Identity, PlanInfo, ProcessKey
from pftop.mappings import MemoryMapping
from pftop.model import histogram
from pftop.model.snapshot import (
    HistoryPoint,
    LogCounts,
    LogLine,
    MappingRow,
    ProcessDetail,
    ProcessRow,
    Snapshot,
    Update,
)
from pftop.text import Safe
from tests.factories import (
    SECOND_NS,
    make_latency,
    make_line,
    make_plan,
    make_row,
    make_snapshot,
    make_totals,
)

START = 1_795_262_647.113
NAMES = (
    ("postgres", "postgres: writer", "postgres", 18_400, 201),
    ("postgres", "postgres: walwriter", "postgres", 2_200, 61),
    ("python3", "python3 train.py --epochs 40 --batch 512", "ml", 9_100, 4),
    ("postgres", "postgres: autovacuum launcher", "postgres", 912, 31),
    ("gunicorn", "gunicorn: worker [api]", "app", 8_100, 11),
    ("pg_dump", "pg_dump -j4 --format=directory warehouse", "postgres", 11_000, 0),
    ("java", "java -Xmx8g -jar search.jar", "search", 5_500, 1),
    ("redis-server", "redis-server *:6379", "redis", 1_500, 0),
    ("dockerd", "/usr/bin/dockerd -H fd://", "root", 610, 0),
    ("kswapd0", "kswapd0", "root", 0, 0),
    ("systemd-journal", "/usr/lib/systemd/systemd-journald", "root", 90, 0),
    ("nginx", "nginx: worker process", "www-data", 71, 0),
    ("bash", "-bash", "ann", 12, 0),
)
HEAP = MemoryMapping(0x55D0_C8E0_0000, 0x55D0_CA00_0000, "rw-p", 0, Safe("[heap]"))
STACK = MemoryMapping(0x7FFD_1000_0000, 0x7FFD_1002_1000, "rw-p", 0, Safe("[stack]"))
DATA = MemoryMapping(
    0x7F3C_1000_0000, 0x7F3C_5000_0000, "r--s", 0x4000_0000, Safe("/var/lib/postgresql/15/main/base/16384/24577")
)
LIBC = MemoryMapping(0x7F11_A000_0000, 0x7F11_A01D_0000, "r-xp", 0x28000, Safe("/usr/lib/x86_64-linux-gnu/libc.so.6"))
ANON = MemoryMapping(0x7F00_0000_0000, 0x7F00_4000_0000, "rw-p", 0, Safe("[anon]"))
MAPPINGS = (HEAP, DATA, ANON, LIBC, STACK)
BITS = {"error_code": {1: "X86_PF_PROT", 2: "X86_PF_WRITE", 4: "X86_PF_USER", 16: "X86_PF_INSTR"}}
SYMBOLS = ("heap_getnext+0x41", "memset_avx2+0x1c", "XLogWrite+0x118", "_PyEval_EvalFrameDefault+0x9d", "malloc+0x9c")


class FakeFeed:
    """Plays updates that a test puts in, in order; ``step`` waits for one as a real feed waits for news."""

    def __init__(self, *updates: Update | BaseException, plan: PlanInfo | None = None) -> None:
        self.plan = plan or make_plan()
        self.interval_s = 1.0
        self.focused: list[ProcessKey | None] = []
        self.log_enabled = True
        self.measuring = False
        self.ticks_asked = 0
        self.closed = False
        self.steps = 0
        self._updates: deque[Update | BaseException] = deque(updates)
        self._news = threading.Condition()
        self.idle = threading.Event()

    def put(self, *updates: Update | BaseException) -> None:
        """Have the next steps bring these."""
        with self._news:
            self.idle.clear()
            self._updates.extend(updates)
            self._news.notify()

    def step(self, timeout_s: float) -> Update:
        """The next update, or nothing."""
        with self._news:
            self.steps += 1
            if not self._updates:
                self.idle.set()
                self._news.wait(timeout_s)
            if not self._updates:
                return Update()
            update = self._updates.popleft()
        if isinstance(update, BaseException):
            raise update
        return update

    def set_interval(self, seconds: float) -> None:
        self.interval_s = seconds

    def tick_now(self) -> None:
        self.ticks_asked += 1

    def wake(self) -> None:
        with self._news:
            self._news.notify()

    def focus(self, key: ProcessKey | None) -> None:
        self.focused.append(key)

    def prefer(self, pids: frozenset[int] | None) -> None:
        self.preferred = pids

    def set_log(self, enabled: bool) -> None:
        self.log_enabled = enabled

    def measure_cost(self, enabled: bool) -> None:
        self.measuring = enabled

    def close(self) -> None:
        self.closed = True


class Machine:
    """An invented machine that is the same at every run."""

    def __init__(self, processes: int = len(NAMES), *, seed: int = 7, plan: PlanInfo | None = None) -> None:
        self.random = random.Random(seed)
        self.plan = replace(plan or make_plan(), host=Safe("web-03"), kernel="6.18.44", bits=BITS)
        self.seq = 0
        self.history: list[HistoryPoint] = []
        self.trends: dict[int, list[float]] = {}
        self.processes = processes
        self.focused: ProcessKey | None = None

    def tick(self, **overrides: object) -> Snapshot:
        """The next snapshot."""
        self.seq += 1
        rows = tuple(self._row(index) for index in range(self.processes)) + self._exited()
        minor, major = sum(r.minor for r in rows), sum(r.major for r in rows)
        stall = sum(r.stall_ns or 0 for r in rows)
        self.history.append(HistoryPoint(minor, major, 0.0, stall / SECOND_NS))
        fields: dict[str, object] = {
            "seq": self.seq,
            "time": START + self.seq,
            "ts_ns": (5_000 + self.seq) * SECOND_NS,
            "elapsed_ns": self.seq * SECOND_NS,
            "plan": self.plan,
            "processes": rows,
            "totals": make_totals(seen=minor + major, minor=minor, major=major, latency_sum_ns=stall),
            "log": LogCounts(completed=minor + major, logged=(minor + major) // 8),
            "history": tuple(self.history[-120:]),
            "coverage": 0.999,
            "detail": self._detail(),
        }
        return make_snapshot(**{**fields, **overrides})

    def _row(self, index: int) -> ProcessRow:
        comm, command, user, minor, major = NAMES[index % len(NAMES)]
        pid = 4211 + 37 * index
        swing = 0.55 + 0.45 * math.sin((self.seq + 5 * index) / (3 + index % 5)) + self.random.uniform(0, 0.3)
        if (self.seq + 11 * index) % 23 < 3:
            swing *= 2.5
        minor, major = int(minor * swing), int(major * swing)
        trend = self.trends.setdefault(pid, [])
        trend.append(minor + major)
        latency = make_latency(
            count=minor + major,
            p50_ns=500 + 130 * index,
            p99_ns=2_100_000 if major else 9_000 + 3_000 * index,
            max_ns=18_000_000 if major else 300_000 + 10_000 * index,
        )
        full, timed = self.plan.features.lock_wait, self.plan.features.latency
        stall = int(minor * 900 + major * 1_400_000)
        causes = {
            "first-touch": minor * 8 * self.seq // 100,
            "cow": minor * self.seq // 100,
            "file-read": major * self.seq // 9,
        }
        times = {
            "first-touch": minor * 70 * self.seq,
            "cow": minor * 20 * self.seq,
            "file-read": major * 140_000 * self.seq,
        }
        if not full:
            causes["unknown"] = (minor + major) * self.seq * 8 // 9
            times["unknown"] = minor * 800 * self.seq
        return make_row(
            pid=pid,
            comm=comm,
            command=command,
            user=user,
            minor=minor,
            major=major,
            minor_total=minor * self.seq,
            major_total=major * self.seq,
            stall_ns=stall if timed else None,
            stall_total_ns=stall * self.seq if timed else None,
            latency=latency if timed else None,
            latency_total=latency if timed else None,
            invalid=0 if timed else None,
            trend=tuple(trend[-60:]),
            causes_total=causes if self.plan.features.cause else None,
            cause_ns_total=times if self.plan.features.cause else None,
            lock_wait_total_ns=minor * 60 * self.seq if full else None,
            retries_total=major * 2 * self.seq if full else None,
            remote_total=index * self.seq if full else None,
            rss_bytes=(2_100 >> (index % 7)) << 20,
        )

    def _exited(self) -> tuple[ProcessRow, ...]:
        gone = make_row(pid=9063, comm="pg_isready", command="pg_isready", minor=0, major=0, stall_ns=0, trend=())
        return (replace(gone, exited=True, exited_at_ns=5_000 * SECOND_NS, minor_total=412, major_total=3),)

    def _detail(self) -> ProcessDetail | None:
        if self.focused is None:
            return None
        minor, major = [0] * histogram.BUCKETS, [0] * histogram.BUCKETS
        for bucket in range(4, 44):
            minor[bucket] = int(60_000 * self.seq * math.exp(-(((bucket - 14) / 4.5) ** 2)))
        for bucket in range(44, 76):
            major[bucket] = int(120 * self.seq * math.exp(-(((bucket - 58) / 5) ** 2)))
        total = make_latency(count=sum(minor) + sum(major))
        return ProcessDetail(
            key=self.focused,
            identity=Identity(
                exe=Safe("/usr/lib/postgresql/15/bin/postgres"),
                cmdline=Safe("postgres: writer process"),
                user=Safe("postgres"),
                started=START - 270_000,
                threads=12,
                rss_bytes=2_100 << 20,
                swap_bytes=88 << 20,
                cgroup=Safe("system.slice/postgresql.service"),
                ppid=4100,
                state=Safe("D"),
            ),
            minor_buckets=tuple(minor),
            major_buckets=tuple(major),
            minor_interval=tuple(n // max(self.seq, 1) for n in minor),
            major_interval=tuple(n // max(self.seq, 1) for n in major),
            minor_latency=make_latency(count=sum(minor), max_ns=180_000, p99_ns=9_000),
            major_latency=make_latency(count=sum(major), p50_ns=1_400_000, p90_ns=4_000_000, p99_ns=9_000_000),
            all_latency=total,
            stall_minor_ns=1_110_000_000,
            stall_major_ns=3_970_000_000,
            mappings=(
                MappingRow(DATA, 812_000, 1_912, 2_400_000_000),
                MappingRow(HEAP, 611_000, 0, 500_000_000),
                MappingRow(ANON, 201_000, 0, 200_000_000),
                MappingRow(LIBC, 88_000, 12, 30_000_000),
                MappingRow(STACK, 41, 0, 20_000),
                MappingRow(None, 3, 0, 2_000),
            ),
            mappings_since_ns=5_000 * SECOND_NS,
            unplaced=0,
        )

    def lines(self, count: int) -> tuple[LogLine, ...]:
        """Logged faults."""
        return tuple(self._line() for _ in range(count))

    def _line(self) -> LogLine:
        pick = self.random
        index = pick.randrange(min(len(NAMES), self.processes))
        roll = pick.random()
        kind = FaultKind.MAJOR if roll < 0.4 else FaultKind.INVALID if roll > 0.95 else FaultKind.MINOR
        mapping = pick.choice(MAPPINGS) if kind is not FaultKind.INVALID else None
        address = mapping.start + (pick.randrange(0x20000) & ~0xFFF) if mapping is not None else 0x10
        latency = int(pick.lognormvariate(7, 1)) if kind is FaultKind.MINOR else int(pick.lognormvariate(14, 0.8))
        return make_line(
            pid=4211 + 37 * index,
            tid=4211 + 37 * index + (pick.randrange(3) if index % 2 else 0),
            comm=Safe(NAMES[index][0]),
            time=START + self.seq + pick.random(),
            kind=kind,
            access=pick.choice((Access.READ, Access.WRITE, Access.READ, Access.EXEC)),
            kernel_mode=pick.random() < 0.1,
            latency_ns=None if kind is FaultKind.INVALID else latency,
            address=address,
            mapping=mapping,
            symbol=Safe(pick.choice(SYMBOLS)),
            cause=self._cause(kind, mapping),
            signal=11 if kind is FaultKind.INVALID else 0,
            si_code=1 if kind is FaultKind.INVALID else 0,
        )

    def _cause(self, kind: FaultKind, mapping: MemoryMapping | None) -> str:
        if mapping is None:
            return "null"
        if mapping in (DATA, LIBC):
            return "file-read" if kind is FaultKind.MAJOR else "file-map"
        return "swap-in" if kind is FaultKind.MAJOR else self.random.choice(("first-touch", "cow"))


class LiveFeed(FakeFeed):
    """A feed that goes on by itself, for looking at in a real terminal and for measuring what the UI costs."""

    def __init__(self, machine: Machine, *, lines_per_step: int = 2) -> None:
        super().__init__(plan=machine.plan)
        self._machine = machine
        self._lines = lines_per_step
        self._due = time.monotonic()

    def step(self, timeout_s: float) -> Update:
        wait = min(timeout_s, max(self._due - time.monotonic(), 0.0))
        with self._news:
            self._news.wait(wait)
        lines = self._machine.lines(self._lines)
        if time.monotonic() < self._due:
            return Update(lines=lines)
        self._due = time.monotonic() + self.interval_s
        return Update(lines=lines, not_shown=self._lines * 3, snapshot=self._machine.tick())

    def focus(self, key: ProcessKey | None) -> None:
        super().focus(key)
        self._machine.focused = key

    def tick_now(self) -> None:
        super().tick_now()
        with self._news:
            self._due = 0.0
            self._news.notify()
