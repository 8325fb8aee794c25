"""Owns the only state between samples: batches and samples in, one frozen ``Snapshot`` a tick out.

Knows no clock of its own and touches nothing outside: times come with the samples.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from pftop.events import (
    Batch,
    Counters,
    PlanInfo,
    ProcessInfo,
    ProcessKey,
    Records,
    Sample,
    Threads,
    VmStat,
)
from pftop.model import latency, ledger
from pftop.model.book import SUM, Change, ThreadBook, name_of, sums_of, totals_of
from pftop.model.histogram import BUCKETS, summarise
from pftop.model.learning import Learnt
from pftop.model.process import Process
from pftop.model.shelf import Matrix
from pftop.model.snapshot import HistoryPoint, Latency, Ledger, ProcessRow, Snapshot
from pftop.text import Safe

HISTORY_LENGTH = 120
START_PRECISION_NS = 20_000_000
"""Two clock ticks: how far a start time of ``/proc`` may be from the kernel's."""
KEEP_EXITED_NS = 3_000_000_000
LEAST_QUIET = 64
"""Quiet processes looked at in a tick, however many are busy: else none of them would ever be seen to have ended."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A sample taken in, before the processes' names are known: hand ``infos`` for ``wanted`` to finish it."""

    sample: Sample
    interval_ns: int
    wanted: tuple[tuple[ProcessKey, Safe, int], ...]
    """Processes to describe: busy ones and those that may have ended, then as many others as fit."""


class Aggregator:
    """Processes by identity, and the machine's totals and history."""

    def __init__(
        self,
        plan: PlanInfo,
        first: Sample,
        *,
        threads: bool = False,
        pids: Iterable[tuple[ProcessKey, Safe, int]] = (),
    ) -> None:
        """``first`` is the reading from which on everything counts.

        ``threads``: rows of single threads are wanted. ``pids``: processes (key, comm, uid) that get a row
        even before their first fault; their start times may be as coarse as ``/proc`` tells them.
        """
        self._plan = plan
        self._threads = threads and plan.features.threads
        self._book = ThreadBook(Threads(*(part[:0] for part in first.threads)), causes_counted=plan.features.vma)
        self._processes: dict[ProcessKey, Process] = {}
        self._history: deque[HistoryPoint] = deque(maxlen=HISTORY_LENGTH)
        self._first, self._last = first, first
        self._seq = 0
        self._ledger = Ledger()
        self._booked = np.zeros(len(SUM), np.int64)
        """Of all processes ever, and of those among them that have no row any more."""
        self._gone = np.zeros(len(SUM), np.int64)
        self._lost_booked = self._lost_completed = 0
        for key, comm, uid in pids:
            self._processes[key] = Process(key, uid, comm)
        self._foretold = frozenset(key.pid for key in self._processes)
        # booked before vmstat was first read: in the rows, but not in its difference
        self._before_first = completed(sums_of(first.threads.records).sum(axis=0))
        changes, late, _ = self._book.read(first.threads, first.late.retired)
        self._book_changes([*changes, *late])
        self._begin()
        self._turn = 0

    def _begin(self) -> None:
        """What the first reading held is in the sums since the start, but in no interval."""
        if self._plan.features.latency:
            latency.fill(list(self._processes.values()))
        for process in self._processes.values():
            process.open_interval()

    def ingest(self, batch: Batch) -> None:
        """Book threads that ended between ticks."""
        self._book_changes(self._book.retire(batch.retired))

    def refine(self, learnt: Learnt) -> None:
        """Book the causes of logged faults that the kernel could not tell."""
        for (key, cause), (count, time_ns) in learnt.items():
            process = self._processes.get(key)
            if process is not None:
                process.refine(cause, count, time_ns)

    def take(self, sample: Sample, describe_most: int = 512) -> Tick:
        """Book a sample; the tick it makes needs ``finish``."""
        changes, late, lost = self._book.read(sample.threads, sample.late.retired)
        self._book_changes(changes)
        self._book_changes(late)
        if self._plan.features.latency:
            latency.fill(list(self._processes.values()))
        if self._plan.features.failed:
            # what these had done by the last reading is booked; only the rest is not
            self._lost_booked += int(totals_of(lost).sum()) if len(lost) else 0
            self._lost_completed += int(lost["minor"].sum() + lost["major"].sum())
        else:
            self._mark_ended(lost)
        interval_ns = max(1, sample.ts_ns - self._last.ts_ns)
        return Tick(sample, interval_ns, tuple(self._to_describe(describe_most)))

    def _mark_ended(self, lost: Records) -> None:
        for record in lost:
            process = self._processes.get(ProcessKey(int(record["tgid"]), int(record["start_ns"])))
            if process is not None:
                process.ended = True

    def _book_changes(self, changes: Iterable[Change]) -> None:
        for change in changes:
            key = ProcessKey(change.pid, change.start_ns)
            process = self._processes.get(key)
            if process is None:
                if not change.sums.any():
                    # a swept record of a process whose row is gone: all it did is booked
                    continue
                last = change.records[-1]
                process = Process(key, int(last["uid"]), name_of(last["comm"].item()))
                if key.pid in self._foretold:
                    self._forget_foretold(key)
                self._processes[key] = process
            process.add(change, threads=self._threads)
            self._booked += change.sums

    def _forget_foretold(self, key: ProcessKey) -> None:
        """Drop the row a process was given before its exact start time was known."""
        for other in [k for k, p in self._processes.items() if k.pid == key.pid and not p.faults]:
            # without BTF the kernel side does not know when a process began
            if not key.start_ns or abs(other.start_ns - key.start_ns) <= START_PRECISION_NS:
                del self._processes[other]

    def _to_describe(self, most: int) -> Iterable[tuple[ProcessKey, Safe, int]]:
        urgent = [p for p in self._processes.values() if p.exited_at_ns is None and (p.busy or p.ended)]
        quiet = [p for p in self._processes.values() if p.exited_at_ns is None and not (p.busy or p.ended)]
        room = max(LEAST_QUIET, most - len(urgent))
        if len(quiet) > room:
            # the rest waits for its turn, so that a tick costs the same however many processes there are
            self._turn = (self._turn + room) % len(quiet)
            quiet = (quiet + quiet)[self._turn : self._turn + room]
        return ((p.key, p.comm, p.uid) for p in (*urgent, *quiet))

    def finish(self, tick: Tick, infos: Mapping[ProcessKey, ProcessInfo], time_s: float) -> Snapshot:
        """The frozen picture of the interval, which ends here."""
        sample, interval_ns = tick.sample, tick.interval_ns
        self._apply(infos, sample.ts_ns)
        features = self._plan.features
        rows = tuple(process.row(features, interval_ns) for process in self._processes.values())
        now = ledger.add_up(process.now for process in self._processes.values() if process.busy)
        snapshot = self._snapshot(sample, interval_ns, time_s, rows, now)
        for process in self._processes.values():
            process.close_interval(interval_ns)
        self._drop_old(sample.ts_ns)
        self._last = sample
        return snapshot

    def _apply(self, infos: Mapping[ProcessKey, ProcessInfo], now_ns: int) -> None:
        for key, info in infos.items():
            process = self._processes.get(key)
            if process is not None:
                process.learn(info, now_ns)

    def _drop_old(self, now_ns: int) -> None:
        """The followed command's family stays: its end is told with all its rows."""
        old = [
            key
            for key, process in self._processes.items()
            if process.exited_at_ns is not None
            and now_ns - process.exited_at_ns > KEEP_EXITED_NS
            and not process.family
        ]
        for key in old:
            self._gone += self._processes.pop(key).sums

    def _snapshot(
        self, sample: Sample, interval_ns: int, time_s: float, rows: tuple[ProcessRow, ...], now: Matrix
    ) -> Snapshot:
        self._seq += 1
        plan, counters = self._plan, sample.after
        since_last = ledger.minus(counters, self._last.after)
        kernel_now = ledger.vmstat_delta(sample.vmstat, self._last.vmstat)
        kernel_all = ledger.vmstat_delta(sample.vmstat, self._first.vmstat)
        everything = self._booked
        lost = counters.lost_minor + counters.lost_major + counters.lost_failed
        lost_unbooked = max(0, lost - self._lost_booked)
        ended = faults(self._gone) + lost_unbooked
        in_flight = ledger.open_faults(sample.threads.records, sample.late.retired.records)
        booked = faults(everything - self._gone)
        self._ledger = ledger.check(sample, booked, ended, in_flight, plan.cpus, self._ledger)
        of_machine = self._machine_latency(now)
        self._history.append(history_point(now, interval_ns, plan))
        return Snapshot(
            seq=self._seq,
            time=time_s,
            ts_ns=sample.ts_ns,
            interval_ns=interval_ns,
            elapsed_ns=sample.ts_ns - self._first.ts_ns,
            plan=plan,
            processes=rows,
            totals=ledger.totals(now, since_last, plan.features, ended, in_flight, kernel_now),
            totals_since_start=ledger.totals(everything, counters, plan.features, ended, in_flight, kernel_all),
            log=ledger.log_counts(since_last),
            log_since_start=ledger.log_counts(counters),
            ledger=self._ledger,
            latency=of_machine if plan.features.latency else None,
            history=tuple(self._history),
            pressure=sample.pressure,
            cost=sample.cost,
            coverage=self._coverage(everything, counters, kernel_all),
        )

    def _coverage(self, everything: Matrix, counters: Counters, kernel: VmStat | None) -> float | None:
        if not self._plan.features.failed:
            return None
        first = self._first.after
        own = counters.own_minor + counters.own_major - first.own_minor - first.own_major
        lost = counters.lost_minor + counters.lost_major
        # what lost records had done by their last reading is booked already
        lost -= self._lost_completed
        return ledger.coverage(completed(everything) + own + lost - self._before_first, kernel)

    def _machine_latency(self, now: Matrix) -> Latency:
        counts, longest = np.zeros(BUCKETS, np.int64), 0
        for process in self._processes.values():
            if process.now_minor is not None and process.now_major is not None:
                counts += process.now_minor
                counts += process.now_major
                longest = max(longest, process.now_latency.max_ns or 0)
        return summarise(np.maximum(counts, 0), sum_ns=int(now[SUM["latency_sum_ns"]]), max_ns=longest or None)

    def process(self, key: ProcessKey) -> Process | None:
        """The running account of a process, for the drill-down."""
        return self._processes.get(key)


def completed(sums: Matrix) -> int:
    """Faults that completed in a row of sums."""
    return int(sums[SUM["minor"]] + sums[SUM["major"]])


def faults(sums: Matrix) -> int:
    """Faults of every kind in a row of sums."""
    return int(sums[SUM["minor"]] + sums[SUM["major"]] + sums[SUM["failed"]])


def history_point(now: Matrix, interval_ns: int, plan: PlanInfo) -> HistoryPoint:
    """One interval for the header's sparkline."""
    per_second = 1e9 / interval_ns
    stall = float(now[SUM["latency_sum_ns"]]) / interval_ns
    return HistoryPoint(
        minor=float(now[SUM["minor"]]) * per_second,
        major=float(now[SUM["major"]]) * per_second,
        invalid=float(now[SUM["invalid"]]) * per_second,
        stall_ratio=stall if plan.features.latency else None,
    )
