"""Owns the turning of logged faults into lines to show: which of them, with what names."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pftop.causes import NAMES
from pftop.events import Access, FaultKind, ProcessKey, ProcessLookup, Records
from pftop.model.book import name_of
from pftop.model.snapshot import Frame, LogLine

MAX_FRAMES = 24
KERNEL_MODE, LATENCY_KNOWN, VMA_KNOWN, REMOTE = 1, 2, 4, 8
"""``EVENT_*`` of ``bpf/fault.h``; a test compares them."""


def select(events: Records, most: int, focus_pid: int | None) -> Records:
    """At most ``most`` events in time order: those worth reading first (not minor, focused), then the latest."""
    if len(events) > most:
        first = (events["kind"] != FaultKind.MINOR) | (events["tgid"] == (focus_pid or 0))
        order = np.lexsort((events["ts_ns"], first))
        events = events[order[-most:]]
    return events[np.argsort(events["ts_ns"], kind="stable")]


def resolve(
    events: Records, lookup: ProcessLookup, boot_time_s: float, stack: Callable[[int], Sequence[int]]
) -> tuple[LogLine, ...]:
    """Lines with mapping and symbol; ``boot_time_s`` is the epoch's time at which the boot clock was 0.

    ``stack`` gives the code addresses of a stack by its number.
    """
    return tuple(_line(event, lookup, boot_time_s, stack) for event in events)


def _invalid(event: np.void, key: ProcessKey, lookup: ProcessLookup, ips: Sequence[int]) -> dict[str, Any]:
    """What is told of an invalid fault besides: who called, and what lies around the address."""
    address, mappings = int(event["address"]), lookup.mappings(key)
    at = bisect_right([mapping.start for mapping in mappings], address)
    below = mappings[at - 1] if at else None
    above = mappings[at] if at < len(mappings) else None
    frames = tuple(Frame(ip, lookup.symbol(key, ip, False), lookup.mapping(key, ip)) for ip in ips[:MAX_FRAMES])
    return {"stack": frames, "neighbours": (below, above)}


def _line(
    event: np.void, lookup: ProcessLookup, boot_time_s: float, stack: Callable[[int], Sequence[int]]
) -> LogLine:
    key = ProcessKey(int(event["tgid"]), int(event["start_ns"]))
    flags, address, ip, ts_ns = int(event["flags"]), int(event["address"]), int(event["ip"]), int(event["ts_ns"])
    kernel_mode = bool(flags & KERNEL_MODE)
    extra = _seen_in_mm(event) if flags & VMA_KNOWN else {}
    if event["kind"] == FaultKind.INVALID:
        extra |= _invalid(event, key, lookup, stack(int(event["stack_id"])))
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
        **extra,
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
