"""Owns the sums that must come out even, and what share of the kernel's own count pftop saw. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pftop.events import Counters, Features, Records, Sample, VmStat
from pftop.model.book import SUM
from pftop.model.shelf import Matrix
from pftop.model.snapshot import Ledger, LogCounts, Totals
from pftop.records import identities


def minus(now: Counters, before: Counters) -> Counters:
    """Counters of an interval."""
    return Counters(*(getattr(now, name) - getattr(before, name) for name in Counters.__dataclass_fields__))


def log_counts(counters: Counters) -> LogCounts:
    """Where completed faults went."""
    return LogCounts(counters.completed, counters.logged, counters.sampled_out, counters.ring_lost)


def open_faults(records: Records, late: Records) -> int:
    """Faults under way: stamped and not yet ended, unless the thread's final record came right after."""
    if not len(records):
        return 0
    under_way = np.count_nonzero(records["stamp"]["ts_ns"], axis=1)
    if len(late) and under_way.any():
        gone = set(identities(late).tolist())
        stamped = np.flatnonzero(under_way)
        ended = [identity in gone for identity in identities(records[stamped]).tolist()]
        under_way[stamped[ended]] = 0
    return int(under_way.sum())


def check(sample: Sample, booked: int, ended: int, in_flight: int, cpus: int, last: Ledger) -> Ledger:
    """Both ledgers: ``booked`` faults stand in rows, ``ended`` in rows that are gone or were lost.

    Faults go on while counters and records are read one after the other: the sums may differ by as many
    as began meanwhile, and by one a CPU caught between two additions. A hypervisor may hold a CPU there for as
    long as all of the reading takes, and nothing else then tells it: so what is off by that little counts as off
    only once it was so at two readings that nothing explains. What a reading was off by while faults went on is
    no proof of anything, but that it was not off at all is.
    """
    counters = sample.after
    sums = booked + ended + counters.unattributed + counters.own_seen + in_flight
    logs = counters.logged + counters.sampled_out + counters.ring_lost
    seen_off, log_off = counters.seen - sums, counters.completed - logs
    meanwhile = sample.after.seen - sample.before.seen
    is_quiet = not (meanwhile or in_flight)
    seen_before, log_before = last.quiet
    is_new = (seen_off or log_off) and not (stands(seen_off, seen_before) or stands(log_off, log_before))
    quiet = (
        seen_off if is_quiet or not seen_off else seen_before,
        log_off if is_quiet or not log_off else log_before,
    )
    return Ledger(seen_off, log_off, slack=0 if is_quiet and not is_new else meanwhile + cpus, quiet=quiet)


def stands(now: int, before: int) -> bool:
    """Whether a part of a difference was there before."""
    return now * before > 0


def vmstat_delta(now: VmStat | None, before: VmStat | None) -> VmStat | None:
    """What vmstat counted between two readings."""
    if now is None or before is None:
        return None
    return VmStat(now.pgfault - before.pgfault, now.pgmajfault - before.pgmajfault)


def coverage(completed: int, kernel: VmStat | None) -> float | None:
    """Completed faults pftop saw over the kernel's count; None while the kernel counted none."""
    return completed / kernel.pgfault if kernel and kernel.pgfault > 0 else None


def add_up(sums: Iterable[Matrix]) -> Matrix:
    """The sum of many rows of sums."""
    total = np.zeros(len(SUM), np.int64)
    for row in sums:
        total += row
    return total


def totals(
    sums: Matrix, counters: Counters, features: Features, ended: int, in_flight: int, kernel: VmStat | None
) -> Totals:
    """Totals of a span from the sums of all processes and the span's counters; unknown is None."""
    values = sums.tolist()
    ebpf = features.failed
    return Totals(
        seen=counters.seen if ebpf else values[SUM["minor"]] + values[SUM["major"]],
        minor=values[SUM["minor"]],
        major=values[SUM["major"]],
        failed=values[SUM["failed"]] if ebpf else None,
        invalid=values[SUM["invalid"]] if ebpf else None,
        kernel_mode=values[SUM["kernel_mode"]] if ebpf else None,
        remote=values[SUM["remote"]] if features.remote else None,
        own=counters.own_seen if ebpf else counters.own_minor + counters.own_major,
        unattributed=counters.unattributed if ebpf else None,
        ended=ended,
        in_flight=in_flight if ebpf else None,
        latency_sum_ns=values[SUM["latency_sum_ns"]] if features.latency else None,
        vmstat_pgfault=kernel.pgfault if kernel else None,
        vmstat_pgmajfault=kernel.pgmajfault if kernel else None,
        missed=counters.missed if features.missed else None,
        lost_records=counters.lost_records if ebpf else None,
    )
