"""256 CPUs, 64k threads, 10 M faults/s through the real decoding, books, collector and table, timed."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from pftop.events import Features
from pftop.model import aggregate, attribution, latency, learning, lines, query, table
from pftop.model.collect import Collector
from pftop.source import wire
from pftop.source.directory import Directory
from pftop.source.plan import FULL_FEATURES, PERF_FEATURES
from tests.bench.feed import READS_A_TICK, Machine, SimulatedSource, write_proc
from tests.bench.inside import Inside
from tests.bench.report import Bar, Figures, Result, Setting, Table, middle
from tests.bench.stopwatch import Stopwatch

FILTER = "worker !short min>1 (stall>0% | maj>0)"
ENOUGH_S = 20.0
BUDGET_S = 1.0
"""A tick may take no longer than the time to the next."""


class Case(NamedTuple):
    """A load, and the plan that sees it."""

    name: str
    machine: Machine
    features: Features


CASES = (
    Case("every thread faults, perf", Machine(), PERF_FEATURES),
    Case("1 process in 20 faults, perf", Machine(busy_share=0.05), PERF_FEATURES),
    Case("the same, and many short processes", Machine(busy_share=0.05, ends=5000), PERF_FEATURES),
    Case("every thread faults, fentry", Machine(), FULL_FEATURES),
)
PARTS: tuple[tuple[object, str, str], ...] = (
    (wire, "decode", "decode"),
    (attribution.Attribution, "complete", "causes of the log, by /proc/PID/maps"),
    (aggregate.Aggregator, "ingest", "book ended threads"),
    (aggregate.Aggregator, "take", "book the sample"),
    (learning.Learning, "add", "sum up causes"),
    (aggregate.Aggregator, "refine", "book causes"),
    (Directory, "describe", "names, by /proc"),
    (latency, "fill", "percentiles"),
    (aggregate.Aggregator, "finish", "rows and totals (percentiles included)"),
    (lines, "resolve", "log lines"),
    (table, "select", "sort"),
)


def one_tick(source: SimulatedSource, collector: Collector) -> tuple[float, int]:
    """CPU seconds of all steps of a tick and of the table after it; rows."""
    source.prepare()
    began, snapshot = time.thread_time(), None
    while snapshot is None:
        snapshot = collector.step(1 / READS_A_TICK).snapshot
    rows = table.select(snapshot.processes, query.parse(""), "stall", False, snapshot.interval_ns)
    return time.thread_time() - began, len(rows)


def measure(case: Case, root: Path, mappings: list[tuple[int, int]], ticks: int) -> Figures:
    """Medians over some ticks, or as many as fit into the time; the first fills caches and is not counted."""
    source = SimulatedSource(case.machine, case.features, mappings)
    watch = Stopwatch()
    for part in PARTS:
        watch.time(*part)
    try:
        collector = Collector(source, Directory(root=root), interval_s=1.0, clock=source.clock)
        taken: list[float] = []
        parts: list[dict[str, float]] = []
        rows = 0
        until = time.monotonic() + ENOUGH_S
        while not parts or (len(parts) <= ticks and time.monotonic() < until):
            took, rows = one_tick(source, collector)
            taken.append(took)
            parts.append(watch.take())
        taken, parts = taken[1:] or taken, parts[1:] or parts
    finally:
        watch.stop()
    names = [name for _, _, name in PARTS]
    figures: Figures = {"rows": rows, "tick_s": middle(taken)}
    figures["parts_ms"] = {name: middle([part.get(name, 0.0) for part in parts]) * 1e3 for name in names}
    figures["rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures["parts_ms"]["filter and sort, with a filter"] = filtering(collector, source)
    return figures


def filtering(collector: Collector, source: SimulatedSource) -> float:
    """ms of CPU to filter and sort a tick's rows, as each key typed into the filter does."""
    source.prepare()
    snapshot = None
    while snapshot is None:
        snapshot = collector.step(1 / READS_A_TICK).snapshot
    began = time.thread_time()
    table.select(snapshot.processes, query.parse(FILTER), "stall", False, snapshot.interval_ns)
    return (time.thread_time() - began) * 1e3


def reading(setting: Setting) -> Figures:
    """The one part that needs a kernel: 64k records out of a real map, by the real source."""
    driver = Inside(capacity=131_072)
    try:
        answer = driver.ask("fill", records=65_536, count=int(setting.pick(8, 3)))
    finally:
        driver.close()
    return {
        "records": answer["records"],
        "mib": answer["bytes"] / (1 << 20),
        "median_ms": middle(answer["sample_ms"]),
        "best_ms": min(answer["sample_ms"]),
    }


def run(setting: Setting) -> Result:
    """Every case, then the reading."""
    result, ticks = Result(), int(setting.pick(5, 1))
    cases = [case._replace(machine=case.machine.part(16)) for case in CASES[2:3]] if setting.quick else CASES
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        mappings = write_proc(Path(directory), cases[0].machine)
        for case in cases:
            result.figures[case.name] = measure(case, Path(directory), mappings, ticks)
    result.figures["reading the map"] = read = reading(setting)
    for case in cases:
        found = result.figures[case.name]
        result.tables.append(table_of(case, found, read["median_ms"]))
        whole = found["tick_s"] + read["median_ms"] / 1e3
        result.bars.append(Bar(f"a tick of 1 s, {case.name}, reading included", whole, BUDGET_S, " CPU-s"))
    return result


def table_of(case: Case, found: Figures, reading_ms: float) -> Table:
    """A case's parts."""
    whole = found["tick_s"] * 1e3
    rows = [(part, f"{ms:.1f}") for part, ms in found["parts_ms"].items()]
    rows += [
        ("all steps of the tick, and the sort", f"{whole:.1f}"),
        ("reading 64k records from a real map", f"{reading_ms:.1f}"),
        ("budget", f"{BUDGET_S * 1e3:.0f}"),
    ]
    notes = (f"{found['rows']:,} rows; not in it: taking the events out of the rings (see intake), and painting",)
    return Table(f"{case.machine.words}: {case.name}", ("", "CPU ms a tick"), rows, notes)
