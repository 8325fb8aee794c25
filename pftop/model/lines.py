"""Owns the turning of logged faults into lines to show: which of them, with what names."""

from __future__ import annotations

from typing import Any

import numpy as np

from pftop.causes import NAMES
from pftop.events import Access, FaultKind, ProcessKey, ProcessLookup, Records
from pftop.model.book import name_of
from pftop.model.snapshot import LogLine

KERNEL_MODE, LATENCY_KNOWN, VMA_KNOWN, REMOTE = 1, 2, 4, 8
"""``EVENT_*`` of ``bpf/fault.h``; a test compares them."""


def select(events: Records, most: int, focus_pid: int | None) -> Records:
    """At most ``most`` events in time order: those worth reading first (not minor, focused), then the latest."""
    if len(events) > most:
        first = (events["kind"] != FaultKind.MINOR) | (events["tgid"] == (focus_pid or 0))
        order = np.lexsort((events["ts_ns"], first))
        events = events[order[-most:]]
    return events[np.argsort(events["ts_ns"], kind="stable")]


def resolve(events: Records, lookup: ProcessLookup, boot_time_s: float) -> tuple[LogLine, ...]:
    """Lines with mapping and symbol; ``boot_time_s`` is the epoch's time at which the boot clock was 0."""
    return tuple(_line(event, lookup, boot_time_s) for event in events)


def _line(event: np.void, lookup: ProcessLookup, boot_time_s: float) -> LogLine:
    key = ProcessKey(int(event["tgid"]), int(event["start_ns"]))
    flags, address, ip, ts_ns = int(event["flags"]), int(event["address"]), int(event["ip"]), int(event["ts_ns"])
    kernel_mode = bool(flags & KERNEL_MODE)
    return LogLine(
        ts_ns=ts_ns,
        time=boot_time_s + ts_ns / 1e9,
        key=key,
        tid=int(event["tid"]),
        comm=name_of(event["comm"].item()),
        kind=FaultKind(int(event["kind"])),
        access=Access(int(event["access"])),
        kernel_mode=kernel_mode,
        latency_ns=int(event["latency_ns"]) if flags & LATENCY_KNOWN else None,
        address=address,
        mapping=lookup.mapping(key, address),
        ip=ip,
        symbol=lookup.symbol(key, ip, kernel_mode) if ip else None,
        error_code=int(event["error_code"]),
        signal=int(event["signal"]),
        si_code=int(event["si_code"]),
        skipped=int(event["skipped"]),
        cause=NAMES[int(event["cause"])],
        remote=bool(flags & REMOTE),
        **(_seen_in_mm(event) if flags & VMA_KNOWN else {}),
    )


def _seen_in_mm(event: np.void) -> dict[str, Any]:
    """What only the plans that see handle_mm_fault know."""
    return {
        "lock_wait_ns": int(event["lock_wait_ns"]),
        "vma": (int(event["vma_start"]), int(event["vma_end"]), int(event["vma_flags"])),
        "mm_flags": int(event["mm_flags"]),
        "mm_result": int(event["mm_result"]),
        "mm_calls": int(event["mm_calls"]),
    }
