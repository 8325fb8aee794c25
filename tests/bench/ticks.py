"""What a tick costs pftop while few, many and very many threads live, quiet and faulting; processes too."""

from __future__ import annotations

import time
from typing import NamedTuple

from tests.bench.cpu import Meter
from tests.bench.inside import Answer, Inside
from tests.bench.loads import sleepers
from tests.bench.report import Bar, Figures, Result, Setting, Table, cell, middle
from tests.live.terminal import Terminal


class Crowd(NamedTuple):
    """So many threads or processes."""

    number: int
    kind: str


CROWDS = (Crowd(10, "threads"), Crowd(1000, "threads"), Crowd(10_000, "threads"), Crowd(1000, "processes"))
PHASES: tuple[str, ...] = ("quiet", "faulting")
READING_BAR_MS, TICK_BAR = 10.0, 0.05
HEAD = ("", "sample ms", "best", "tick CPU ms", "no view", "live view")


def summary(answer: Answer) -> Figures:
    """Of the driver's ticks."""
    return {
        "sample_ms": middle(answer["sample_ms"]),
        "sample_best_ms": min(answer["sample_ms"]),
        "tick_cpu_ms": middle(answer["tick_ms"]),
        "cpu_ratio": middle(answer["cpu_ratio"]),
        "rows": answer["rows"],
    }


def without_view(setting: Setting, crowd: Crowd) -> dict[str, Figures]:
    """Source and collector alone."""
    count, interval = int(setting.pick(8, 2)), setting.pick(1.0, 0.4)
    with sleepers(setting.directory, *crowd) as crowded:
        driver = Inside()
        try:
            found: dict[str, Figures] = {}
            for phase in PHASES:
                assert crowded.next_phase() == phase
                # the first tick after books what they did to get there
                driver.ask("ticks", count=1, interval_s=interval)
                found[phase] = summary(driver.ask("ticks", count=count, interval_s=interval))
        finally:
            driver.close()
    return found


def with_view(setting: Setting, crowd: Crowd) -> dict[str, float]:
    """The share of a CPU that the live view takes, all in."""
    seconds = setting.pick(6, 1)
    with sleepers(setting.directory, *crowd) as crowded:
        screen = Terminal(columns=120, lines=36)
        try:
            screen.shows("faults")
            screen.look_away()
            found: dict[str, float] = {}
            for phase in PHASES:
                assert crowded.next_phase() == phase
                time.sleep(setting.pick(2, 0.2))
                meter = Meter(screen.child.pid)
                time.sleep(seconds)
                found[phase] = meter.read()
            screen.press("q")
            screen.wait()
        finally:
            screen.close()
    return found


def run(setting: Setting) -> Result:
    """Every crowd, in both phases."""
    result = Result()
    rows: list[tuple[str, ...]] = []
    for crowd in CROWDS[2:3] if setting.quick else CROWDS:
        inside, live = without_view(setting, crowd), with_view(setting, crowd)
        for phase, found in inside.items():
            figures: Figures = {**found, "live_cpu_ratio": live[phase]}
            name = f"{crowd.number:,} {crowd.kind}, {phase}"
            result.figures[name] = figures
            digits = {"sample_ms": 2, "sample_best_ms": 2, "tick_cpu_ms": 2}
            shares = (f"{figures[key]:.2%}" for key in ("cpu_ratio", "live_cpu_ratio"))
            rows.append((name, *(cell(figures[key], count) for key, count in digits.items()), *shares))
    notes = (
        "sample: reading counters and all records from the kernel; tick: the step that makes a snapshot, sample",
        "included; both in CPU time. no view, live view: share of a core, all in. Faulting: each once a second.",
    )
    result.tables.append(Table("a tick, by what lives", HEAD, rows, notes))
    most = result.figures["10,000 threads, faulting"]
    result.bars = [
        Bar("reading 10,000 threads", most["sample_ms"], READING_BAR_MS, " ms"),
        Bar("a tick with 10,000 threads faulting, no view", most["tick_cpu_ms"] / 1e3, TICK_BAR, " CPU-s"),
        Bar("the live view with 10,000 threads faulting", most["live_cpu_ratio"], TICK_BAR, " of a core"),
    ]
    return result
