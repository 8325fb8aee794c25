"""Owns the frozen ``Options`` that the command line is turned into; parses nothing, imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for, already checked."""

    mode: str = "live"
    """live, text, json or csv."""
    interval_s: float = 1.0
    iterations: int | None = None
    pids: tuple[int, ...] = ()
    user: str | None = None
    uid: int | None = None
    filter_text: str = ""
    sort: str | None = None
    reverse: bool = False
    threads: bool = False
    events: bool = False
    output: str | None = None
    probe: str = "auto"
    min_latency_ns: int = 0
    log_rate: int = 1000
    max_overhead: float | None = None
    """Per cent of one CPU."""
    cost: bool = False
    color: str = "auto"
    theme: str | None = None
    ascii: bool = False
    mouse: bool = True
    readonly: bool = False
    command: tuple[str, ...] = ()
