"""Owns the running account of one process: totals since pftop started, and the interval under way."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from pftop.causes import NAMES, NUMBER
from pftop.events import Features, ProcessInfo, ProcessKey
from pftop.model.book import SUM, SUMS, Change, name_of
from pftop.model.histogram import BUCKETS
from pftop.model.shelf import Matrix
from pftop.model.snapshot import Latency, ProcessRow, ThreadRow
from pftop.text import Safe

TREND_LENGTH = 60
CAUSE_SLOTS = 24
"""``PFTOP_CAUSES`` of ``bpf/fault.h``; a test compares them."""
GROUP_DEAD, FAMILY = 1, 2
"""``THREAD_GROUP_DEAD`` and ``THREAD_FAMILY`` of ``bpf/fault.h``; a test compares them."""
UNKNOWN_CAUSE = NUMBER["unknown"]
NO_LATENCY = Latency(0)
UNKNOWN_INFO = ProcessInfo(user=Safe("-"), command=Safe("-"))


def _sums() -> Matrix:
    return np.zeros(len(SUMS), np.int64)


def _causes() -> Matrix:
    return np.zeros((2, CAUSE_SLOTS), np.int64)


def _buckets() -> Matrix:
    return np.zeros(BUCKETS, np.int64)


def by_name(table: Matrix) -> dict[str, int]:
    """Causes that occurred, by name."""
    # a cause learnt before its fault is booked leaves unknown below 0 for an instant
    return {NAMES[number]: count for number, count in enumerate(table.tolist()) if count > 0}


@dataclass(slots=True)
class Extremes:
    """Shortest and longest fault of a kind, ns; 0 stands for none yet."""

    min_ns: int = 0
    max_ns: int = 0

    def include(self, min_ns: int, max_ns: int) -> bool:
        """Widen; tells whether the longest is new."""
        if min_ns and (not self.min_ns or min_ns < self.min_ns):
            self.min_ns = min_ns
        grown = max_ns > self.max_ns
        self.max_ns = max(self.max_ns, max_ns)
        return grown


@dataclass(slots=True)
class Process:
    """What is known of one process."""

    key: ProcessKey
    uid: int
    comm: Safe
    family: bool = False
    ended: bool = False
    exited_at_ns: int | None = None
    info: ProcessInfo = UNKNOWN_INFO
    sums: Matrix = field(default_factory=_sums)
    minor_buckets: Matrix = field(default_factory=_buckets)
    major_buckets: Matrix = field(default_factory=_buckets)
    minor: Extremes = field(default_factory=Extremes)
    major: Extremes = field(default_factory=Extremes)
    trend: deque[float] = field(default_factory=lambda: deque(maxlen=TREND_LENGTH))
    threads: dict[int, tuple[Safe, Matrix]] = field(default_factory=dict)
    """Of the interval, by tid."""
    causes: Matrix = field(default_factory=_causes)
    """Counts and ns by cause, since pftop started."""
    now: Matrix = field(default_factory=_sums)
    now_causes: Matrix = field(default_factory=_causes)
    now_minor: Matrix | None = None
    now_major: Matrix | None = None
    now_max_ns: int = 0
    now_latency: Latency = NO_LATENCY
    total_latency: Latency = NO_LATENCY
    is_new: bool = True
    """Nothing was booked before the interval under way."""
    quiet_row: ProcessRow | None = None
    """The last row made, as long as nothing has changed since."""

    def add(self, change: Change, *, threads: bool) -> None:
        """Book what its threads did; each of them by itself only if ``threads`` are asked for."""
        self.sums += change.sums
        self.now += change.sums
        self.minor_buckets += change.minor_buckets
        self.major_buckets += change.major_buckets
        self.now_minor = change.minor_buckets if self.now_minor is None else self.now_minor + change.minor_buckets
        self.now_major = change.major_buckets if self.now_major is None else self.now_major + change.major_buckets
        self.causes += change.causes
        self.now_causes += change.causes
        self.quiet_row = None
        self._note(change)
        if not threads:
            return
        tids = change.records["tid"].tolist()
        for tid, comm, sums in zip(tids, change.records["comm"].tolist(), change.thread_sums, strict=True):
            known = self.threads.get(tid)
            self.threads[tid] = (name_of(comm), sums if known is None else known[1] + sums)

    def refine(self, cause: int, count: int, time_ns: int) -> None:
        """Learn the cause of faults that were booked, or will be, as unknown."""
        self.causes[:, cause] += (count, time_ns)
        self.causes[:, UNKNOWN_CAUSE] -= (count, time_ns)
        # a fault at the very end of an interval is named in the next, which must not name more than it has
        unknown, unknown_ns = self.now_causes[:, UNKNOWN_CAUSE].tolist()
        now = min(count, unknown)
        now_ns = min(time_ns if now == count else time_ns * now // count, unknown_ns)
        self.now_causes[:, cause] += (now, now_ns)
        self.now_causes[:, UNKNOWN_CAUSE] -= (now, now_ns)
        self.quiet_row = None

    def _note(self, change: Change) -> None:
        told = change.stated
        if self.minor.include(told.minor_min_ns, told.minor_max_ns):
            self.now_max_ns = max(self.now_max_ns, told.minor_max_ns)
        if self.major.include(told.major_min_ns, told.major_max_ns):
            self.now_max_ns = max(self.now_max_ns, told.major_max_ns)
        self.family = self.family or bool(told.flags & FAMILY)
        self.ended = self.ended or bool(told.flags & GROUP_DEAD)
        if told.leader >= 0:
            # the process is called as its first thread is; the last record has its latest name
            _, _, self.uid, comm = change.records[told.leader].item()
            self.comm = name_of(comm)

    @property
    def faults(self) -> int:
        """Faults of every kind since pftop started."""
        return int(self.sums[SUM["minor"]] + self.sums[SUM["major"]] + self.sums[SUM["failed"]])

    @property
    def busy(self) -> bool:
        """Whether anything was booked in the interval under way."""
        return self.now_minor is not None

    @property
    def min_ns(self) -> int:
        """The shortest fault ever, 0 for none."""
        return min((kind.min_ns for kind in (self.minor, self.major) if kind.min_ns), default=0)

    @property
    def max_ns(self) -> int:
        """The longest fault ever, 0 for none."""
        return max(self.minor.max_ns, self.major.max_ns)

    def learn(self, info: ProcessInfo, now_ns: int) -> None:
        """Take in what ``/proc`` says, and whether it has ended."""
        if self.exited_at_ns is None and (self.ended or not info.alive):
            self.exited_at_ns = now_ns
            # a command line once read outlives its process
            known = self.info.command if self.info.command != "-" else info.command
            info = replace(info, command=known, alive=False)
        if info.uid is not None:
            self.uid = info.uid
        if info.comm is not None:
            # of a process whose first thread never faults, threads' records tell only their own names
            self.comm = info.comm
        if info != self.info or self.exited_at_ns == now_ns:
            self.info = info
            self.quiet_row = None

    def close_interval(self, interval_ns: int) -> None:
        """Start the next interval."""
        done = self.now[SUM["minor"]] + self.now[SUM["major"]] + self.now[SUM["failed"]]
        self.trend.append(float(done) * 1e9 / interval_ns)
        self.open_interval()

    def open_interval(self) -> None:
        """Forget what was done in the interval under way."""
        if self.busy:
            self.is_new = False
            self.quiet_row = None
            self.now_latency = NO_LATENCY
            self.now = _sums()
            self.now_causes = _causes()
            self.now_minor = self.now_major = None
            self.now_max_ns = 0
            self.threads = {}

    def row(self, features: Features, interval_ns: int) -> ProcessRow:
        """The frozen row of the interval under way; closes nothing."""
        if self.quiet_row is not None:
            # nothing to move along in a trend of zeros: most rows of a large machine, most of the time
            still = self.exited_at_ns is not None or not any(self.quiet_row.trend)
            return self.quiet_row if still else replace(self.quiet_row, trend=self._trend(0.0))
        made = self._make_row(features, interval_ns)
        if not self.busy:
            self.quiet_row = made
        return made

    def _trend(self, rate: float) -> tuple[float, ...]:
        return (*self.trend, rate)[-TREND_LENGTH:]

    def _make_row(self, features: Features, interval_ns: int) -> ProcessRow:
        now, total = self.now.tolist(), self.sums.tolist()
        rate = (now[SUM["minor"]] + now[SUM["major"]] + now[SUM["failed"]]) * 1e9 / interval_ns
        access = features.access
        return ProcessRow(
            key=self.key,
            comm=self.comm,
            info=self.info,
            uid=self.uid,
            exited=self.exited_at_ns is not None,
            exited_at_ns=self.exited_at_ns,
            family=self.family,
            minor=now[SUM["minor"]],
            major=now[SUM["major"]],
            failed=now[SUM["failed"]] if features.failed else None,
            invalid=now[SUM["invalid"]] if features.failed else None,
            minor_total=total[SUM["minor"]],
            major_total=total[SUM["major"]],
            failed_total=total[SUM["failed"]] if features.failed else None,
            invalid_total=total[SUM["invalid"]] if features.failed else None,
            read=now[SUM["read"]] if access else None,
            write=now[SUM["write"]] if access else None,
            exec=now[SUM["exec"]] if access else None,
            kernel_mode=now[SUM["kernel_mode"]] if access else None,
            stall_ns=now[SUM["latency_sum_ns"]] if features.latency else None,
            stall_total_ns=total[SUM["latency_sum_ns"]] if features.latency else None,
            lock_wait_ns=now[SUM["lock_wait_sum_ns"]] if features.lock_wait else None,
            latency=self.now_latency if features.latency else None,
            latency_total=self.total_latency if features.latency else None,
            causes=by_name(self.now_causes[0]) if features.cause else None,
            causes_total=by_name(self.causes[0]) if features.cause else None,
            cause_ns_total=by_name(self.causes[1]) if features.cause else None,
            remote=now[SUM["remote"]] if features.remote else None,
            remote_total=total[SUM["remote"]] if features.remote else None,
            lock_wait_total_ns=total[SUM["lock_wait_sum_ns"]] if features.lock_wait else None,
            retries_total=total[SUM["retries"]] if features.lock_wait else None,
            trend=self._trend(rate),
            threads=self._thread_rows(features),
        )

    def _thread_rows(self, features: Features) -> tuple[ThreadRow, ...]:
        return tuple(
            ThreadRow(
                tid=tid,
                comm=comm,
                minor=int(sums[SUM["minor"]]),
                major=int(sums[SUM["major"]]),
                failed=int(sums[SUM["failed"]]),
                stall_ns=int(sums[SUM["latency_sum_ns"]]) if features.latency else None,
            )
            for tid, (comm, sums) in self.threads.items()
        )
