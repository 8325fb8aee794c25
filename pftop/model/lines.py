"""Owns the turning of logged faults into lines to show: which of them, with what names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from pftop.causes import NAMES
from pftop.events import Access, FaultKind, ProcessKey, ProcessLookup, Records
from pftop.mappings import MemoryMapping
from pftop.model.book import name_of
from pftop.model.snapshot import Frame, LogLine

MAX_FRAMES = 24
Event = Mapping[str, Any]
"""A ``struct fault_event`` as Python's own numbers and bytes."""
StackOf = Callable[[int, int], Sequence[int]]
"""Code addresses, innermost first, by a stack's number and when the fault ended, in ns of the boot clock."""
KERNEL_MODE, LATENCY_KNOWN, VMA_KNOWN, REMOTE, VMA_FOUND = 1, 2, 4, 8, 32
"""``EVENT_*`` of ``bpf/fault.h``; a test compares them."""
SEEN_IN_MM = ("lock_wait_ns", "mm_flags", "mm_result", "mm_calls")
"""What only the plans that see handle_mm_fault know."""


def select(events: Records, most: int, focus_pid: int | None, preferred: Collection[int] | None = None) -> Records:
    """At most ``most`` events in time order: those worth reading first, then the latest.

    First are the focused process's, up to half: it may be focused because it is on top of the table, and must not
    have the whole log to itself. Then those of ``preferred`` processes, if that is given; of either, and of the rest,
    those that are not minor.
    """
    if len(events) > most:
        special = events["kind"] != FaultKind.MINOR
        rank = special.astype(np.int8)
        if preferred is not None:
            rank[[pid in preferred for pid in events["tgid"].tolist()]] += 2
        focused = np.flatnonzero(events["tgid"] == (focus_pid or 0))
        best = focused[np.lexsort((events["ts_ns"][focused], special[focused]))]
        rank[best[max(0, len(best) - most // 2) :]] = 4
        order = np.lexsort((events["ts_ns"], rank))
        events = events.take(order[-most:])
    return events.take(np.argsort(events["ts_ns"], kind="stable"))


def resolve(
    events: Records,
    lookup: ProcessLookup,
    boot_time_s: float,
    stack: StackOf,
    *,
    extras: bool = True,
) -> tuple[LogLine, ...]:
    """Lines with mapping and symbol; ``boot_time_s`` is the epoch's time at which the boot clock was 0.

    Without ``extras`` there are no stacks or symbols.
    """
    names = events.dtype.names or ()
    # All at once: to read a member of a row of an array costs as much as everything else here.
    rows = (dict(zip(names, row, strict=True)) for row in events.tolist())
    return tuple(_line(row, lookup, boot_time_s, stack if extras else None) for row in rows)


def _invalid(event: Event, key: ProcessKey, lookup: ProcessLookup, ips: Sequence[int]) -> dict[str, Any]:
    """What is told of an invalid fault besides: who called, and what lies around the address."""
    address, mappings = event["address"], lookup.mappings(key)
    if ips and ips[0] != event["ip"]:
        # a stack begins where its fault was
        ips = ()
    at = mappings.below(address)
    below = mappings[at] if at >= 0 else None
    above = mappings[at + 1] if at + 1 < len(mappings) else None
    frames = tuple(Frame(ip, lookup.symbol(key, ip, False), lookup.mapping(key, ip)) for ip in ips[:MAX_FRAMES])
    return {"stack": frames, "neighbours": (below, above)}


def _line(event: Event, lookup: ProcessLookup, boot_time_s: float, stack: StackOf | None) -> LogLine:
    key = ProcessKey(event["tgid"], event["start_ns"])
    flags, address, ip, ts_ns = event["flags"], event["address"], event["ip"], event["ts_ns"]
    kernel_mode = bool(flags & KERNEL_MODE)
    extra: dict[str, Any] = {}
    if flags & (VMA_KNOWN | VMA_FOUND):
        extra["vma"] = (event["vma_start"], event["vma_end"], event["vma_flags"])
    if flags & VMA_KNOWN:
        extra |= {name: event[name] for name in SEEN_IN_MM}
    if event["kind"] == FaultKind.INVALID:
        ips = stack(event["stack_id"], ts_ns + event["latency_ns"]) if stack else ()
        extra |= _invalid(event, key, lookup, ips)
    return LogLine(
        ts_ns=ts_ns,
        time=boot_time_s + ts_ns / 1e9,
        key=key,
        tid=event["tid"],
        comm=name_of(event["comm"]),
        kind=FaultKind(event["kind"]),
        access=Access(event["access"]),
        kernel_mode=kernel_mode,
        latency_ns=event["latency_ns"] if flags & LATENCY_KNOWN else None,
        address=address,
        mapping=_of_vma(lookup.mapping(key, address), extra.get("vma")),
        ip=ip,
        symbol=lookup.symbol(key, ip, kernel_mode) if ip and stack else None,
        error_code=event["error_code"],
        signal=event["signal"],
        si_code=event["si_code"],
        skipped=event["skipped"],
        cause=NAMES[event["cause"]],
        remote=bool(flags & REMOTE),
        **extra,
    )


def _of_vma(mapping: MemoryMapping | None, vma: tuple[int, int, int] | None) -> MemoryMapping | None:
    """The mapping, unless it is another program's that the process ran before or after: the VMA lies elsewhere."""
    if mapping is None or vma is None:
        return mapping
    return mapping if mapping.start < vma[1] and vma[0] < mapping.end else None
