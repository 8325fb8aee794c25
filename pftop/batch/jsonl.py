"""Owns the JSON Lines form: one object a line, integers in ns, null for what the plan cannot give.

The README lists every field with its meaning; a test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TextIO

import pftop
from pftop.batch.rows import CommandResult
from pftop.events import FaultKind, PlanInfo
from pftop.formatting import iso_time
from pftop.model.snapshot import Latency, LogLine, ProcessRow, Snapshot, Totals

SCHEMA = 1


def latency_object(latency: Latency | None) -> dict[str, int | None] | None:
    """Of the interval."""
    if latency is None:
        return None
    return {
        "count": latency.count,
        "p50_ns": latency.p50_ns,
        "p90_ns": latency.p90_ns,
        "p99_ns": latency.p99_ns,
        "max_ns": latency.max_ns,
    }


def totals_object(totals: Totals) -> dict[str, int | None]:
    """Every member of ``Totals`` under its own name."""
    return {name: getattr(totals, name) for name in Totals.__dataclass_fields__}


def process_object(row: ProcessRow, *, threads: bool) -> dict[str, Any]:
    """One process."""
    found: dict[str, Any] = {
        "pid": row.pid,
        "start_ns": row.key.start_ns or None,
        "comm": row.comm,
        "user": row.info.user,
        "exited": row.exited,
        "minor": row.minor,
        "major": row.major,
        "failed": row.failed,
        "invalid": row.invalid,
        "minor_total": row.minor_total,
        "major_total": row.major_total,
        "failed_total": row.failed_total,
        "invalid_total": row.invalid_total,
        "kernel_mode": row.kernel_mode,
        "read": row.read,
        "write": row.write,
        "exec": row.exec,
        "causes": dict(row.causes) if row.causes is not None else None,
        "stall_ns": row.stall_ns,
        "stall_total_ns": row.stall_total_ns,
        "lock_wait_ns": row.lock_wait_ns,
        "latency": latency_object(row.latency),
        "remote": row.remote,
        "remote_total": row.remote_total,
        "causes_total": dict(row.causes_total) if row.causes_total is not None else None,
        "cause_ns_total": dict(row.cause_ns_total) if row.cause_ns_total is not None else None,
    }
    if threads:
        found["threads"] = [
            {name: getattr(thread, name) for name in ("tid", "comm", "minor", "major", "failed", "stall_ns")}
            for thread in row.threads
        ]
    return found


def cost_object(snapshot: Snapshot) -> dict[str, Any]:
    """What pftop itself costs, and what it does without in order to cost less."""
    cost, restraint = snapshot.cost, snapshot.restraint
    return {
        "bpf_ns_per_fault": round(cost.bpf_ns_per_fault, 1) if cost.bpf_ns_per_fault is not None else None,
        "bpf_ratio": round(cost.bpf_ratio, 5) if cost.bpf_ratio is not None else None,
        "cpu_ratio": round(cost.cpu_ratio, 5) if cost.cpu_ratio is not None else None,
        "rss_bytes": cost.rss_bytes,
        "degraded": list(restraint.steps) if restraint is not None else None,
    }


class JsonLines:
    """Writes the objects of the contract."""

    def __init__(self, out: TextIO, *, threads: bool) -> None:
        self._out, self._threads = out, threads

    def _write(self, found: dict[str, Any]) -> None:
        # ensure_ascii: whatever a process is called, the line is valid and safe on any terminal
        self._out.write(json.dumps(found, ensure_ascii=True, separators=(",", ":")) + "\n")

    def begin(self, plan: PlanInfo, interval_s: float) -> None:
        """The first line."""
        self._write(
            {
                "type": "meta",
                "schema": SCHEMA,
                "version": pftop.__version__,
                "kernel": plan.kernel,
                "arch": plan.arch,
                "cpus": plan.cpus,
                "plan": plan.name,
                "clock": "boot",
                "interval_ns": round(interval_s * 1e9),
                "why_not_better": list(plan.why_not_better),
            }
        )

    def tick(self, snapshot: Snapshot, rows: Sequence[ProcessRow]) -> None:
        """One interval."""
        log = snapshot.log
        known = snapshot.plan.features.log
        self._write(
            {
                "type": "tick",
                "seq": snapshot.seq,
                "time": iso_time(snapshot.time),
                "ts_ns": snapshot.ts_ns,
                "interval_ns": snapshot.interval_ns,
                "totals": totals_object(snapshot.totals),
                "log": {name: getattr(log, name) if known else None for name in log.__dataclass_fields__},
                "ledger": {
                    "seen_off": snapshot.ledger.seen_off if known else None,
                    "log_off": snapshot.ledger.log_off if known else None,
                    "slack": snapshot.ledger.slack if known else None,
                },
                "cost": cost_object(snapshot),
                "latency": latency_object(snapshot.latency),
                "processes": [self._process(row, snapshot) for row in rows],
            }
        )

    def _process(self, row: ProcessRow, snapshot: Snapshot) -> dict[str, Any]:
        found = process_object(row, threads=self._threads)
        if self._threads and not snapshot.plan.features.threads:
            found["threads"] = None
        return found

    def fault(self, line: LogLine) -> None:
        """One logged fault."""
        mapping = line.mapping
        self._write(
            {
                "type": "fault",
                "time": iso_time(line.time),
                "ts_ns": line.ts_ns,
                "pid": line.key.pid,
                "tid": line.tid,
                "start_ns": line.key.start_ns or None,
                "comm": line.comm,
                "kind": FaultKind(line.kind).name.lower(),
                "access": line.access.name.lower(),
                "kernel_mode": line.kernel_mode,
                "latency_ns": line.latency_ns,
                "address": line.address,
                "mapping": mapping.name if mapping else None,
                "offset": line.address - mapping.start + mapping.offset if mapping else None,
                "ip": line.ip if line.ip_known else None,
                "symbol": line.symbol,
                "error_code": line.error_code,
                "signal": line.signal or None,
                "si_code": line.si_code or None,
                "cause": line.cause,
                "remote": line.remote,
                "lock_wait_ns": line.lock_wait_ns,
                "vma": list(line.vma) if line.vma else None,
                "mm_flags": line.mm_flags,
                "mm_result": line.mm_result,
                "mm_calls": line.mm_calls,
                "skipped": line.skipped,
            }
        )

    def end(self, reason: str, totals: Totals | None, command: CommandResult | None) -> None:
        """The last line."""
        found: dict[str, Any] = {"type": "end", "reason": reason, "totals": totals_object(totals) if totals else None}
        if command is not None:
            found["command"] = {
                "status": command.status,
                "wait4_minflt": command.minflt,
                "wait4_majflt": command.majflt,
            }
        self._write(found)
        self._out.flush()
