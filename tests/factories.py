"""Owns the values tests are made of: rows, snapshots, log lines and plans, with anything overridden."""

from __future__ import annotations

from typing import Any

from pftop.events import Access, Cost, FaultKind, Features, PlanInfo, Pressure, ProcessInfo, ProcessKey
from pftop.model.snapshot import (
    HistoryPoint,
    Latency,
    Ledger,
    LogCounts,
    LogLine,
    ProcessRow,
    Snapshot,
    Totals,
)
from pftop.text import Safe

SECOND_NS = 1_000_000_000

FEATURES = {
    "fentry": Features(
        latency=True,
        log=True,
        failed=True,
        access=True,
        threads=True,
        remote=True,
        lock_wait=True,
        cause=True,
        pages=True,
        missed=True,
        vma=True,
    ),
    "perf": Features(
        latency=True,
        log=True,
        failed=True,
        access=True,
        threads=True,
        remote=False,
        lock_wait=False,
        cause=True,
        pages=True,
        missed=False,
        vma=False,
    ),
    "proc": Features(
        latency=False,
        log=False,
        failed=False,
        access=False,
        threads=False,
        remote=False,
        lock_wait=False,
        cause=False,
        pages=False,
        missed=False,
        vma=False,
    ),
}
FEATURES["kprobe"] = FEATURES["fentry"]
FEATURES["memcg"] = FEATURES["perf"]


def make_plan(name: str = "perf") -> PlanInfo:
    """A plan that runs on an invented machine."""
    better = {
        "perf": (
            "fentry: the kernel refuses BPF trampolines (loading an fentry program: Operation not permitted)",
            "kprobe: this kernel is built without kprobes (/sys/bus/event_source/devices/kprobe is missing)",
        ),
        "proc": (
            "fentry: eBPF needs root (effective uid 1000, capabilities BPF and PERFMON or SYS_ADMIN missing)",
            "perf: eBPF needs root (effective uid 1000, capabilities BPF and PERFMON or SYS_ADMIN missing)",
        ),
    }
    return PlanInfo(
        name=name,
        features=FEATURES[name],
        why_not_better=better.get(name, ()),
        next_gives="causes and lock waits" if name == "perf" else "",
        kernel="6.1.0-test",
        arch="x86_64",
        cpus=2,
        host=Safe("box"),
    )


def make_latency(**overrides: Any) -> Latency:
    """The latency of 100 quick faults."""
    figures: dict[str, Any] = {
        "count": 100,
        "p50_ns": 800,
        "p90_ns": 2_000,
        "p99_ns": 41_000,
        "max_ns": 18_000_000,
        "min_ns": 300,
        "mean_ns": 1_500,
    }
    return Latency(**figures | overrides)


def make_row(**overrides: Any) -> ProcessRow:
    """One process; besides the fields of ``ProcessRow`` takes pid, user, command and rss_bytes."""
    pid = overrides.pop("pid", 4211)
    comm = Safe(overrides.pop("comm", "postgres"))
    info = ProcessInfo(
        user=Safe(overrides.pop("user", "postgres")),
        command=Safe(overrides.pop("command", "postgres: writer")),
        rss_bytes=overrides.pop("rss_bytes", 64 << 20),
    )
    fields: dict[str, Any] = {
        "key": ProcessKey(pid, 1_000_000 + pid),
        "comm": comm,
        "info": info,
        "uid": 1000,
        "exited": False,
        "exited_at_ns": None,
        "family": False,
        "minor": 90,
        "major": 10,
        "failed": 0,
        "invalid": 0,
        "minor_total": 900,
        "major_total": 100,
        "failed_total": 0,
        "invalid_total": 0,
        "read": 60,
        "write": 40,
        "exec": 0,
        "kernel_mode": 0,
        "stall_ns": 6_100_000,
        "stall_total_ns": 61_000_000,
        "lock_wait_ns": None,
        "latency": make_latency(),
        "latency_total": make_latency(count=1000),
        "causes": None,
        "trend": (1.0, 2.0, 4.0, 8.0),
    }
    return ProcessRow(**fields | overrides)


def make_totals(**overrides: Any) -> Totals:
    """Totals that agree with one default row."""
    fields: dict[str, Any] = {
        "seen": 100,
        "minor": 90,
        "major": 10,
        "failed": 0,
        "invalid": 0,
        "kernel_mode": 0,
        "remote": None,
        "own": 0,
        "unattributed": 0,
        "ended": 0,
        "in_flight": 0,
        "latency_sum_ns": 6_100_000,
        "vmstat_pgfault": 100,
        "vmstat_pgmajfault": 10,
    }
    return Totals(**fields | overrides)


def make_snapshot(**overrides: Any) -> Snapshot:
    """One tick with one process, every ledger balanced."""
    fields: dict[str, Any] = {
        "seq": 1,
        "time": 1_795_262_647.113,
        "ts_ns": 5_000 * SECOND_NS,
        "interval_ns": SECOND_NS,
        "elapsed_ns": 10 * SECOND_NS,
        "plan": make_plan(),
        "processes": (make_row(),),
        "totals": make_totals(),
        "totals_since_start": make_totals(seen=1000, minor=900, major=100),
        "log": LogCounts(completed=100, logged=100),
        "log_since_start": LogCounts(completed=1000, logged=1000),
        "ledger": Ledger(seen_off=0, log_off=0, slack=0),
        "latency": make_latency(),
        "history": tuple(HistoryPoint(float(n), 1.0, 0.0, 0.01) for n in range(10)),
        "pressure": Pressure(some_avg10=1.2, full_avg10=0.3),
        "cost": Cost(cpu_ratio=0.013, rss_bytes=100 << 20),
        "coverage": 1.0,
    }
    return Snapshot(**fields | overrides)


def make_line(**overrides: Any) -> LogLine:
    """One logged major fault; besides the fields of ``LogLine`` takes pid."""
    pid = overrides.pop("pid", 4211)
    fields: dict[str, Any] = {
        "ts_ns": 5_000 * SECOND_NS,
        "time": 1_795_262_647.113,
        "key": ProcessKey(pid, 1_000_000 + pid),
        "tid": pid,
        "comm": Safe("postgres"),
        "kind": FaultKind.MAJOR,
        "access": Access.READ,
        "kernel_mode": False,
        "latency_ns": 2_130_000,
        "address": 0x7F3C10A2E000,
        "mapping": None,
        "ip": 0x55D0C8E1F000,
        "symbol": None,
        "error_code": 4,
        "signal": 0,
        "si_code": 0,
        "skipped": 0,
    }
    return LogLine(**fields | overrides)
