"""What machines of other sizes mean for maps and rings: memory by pftop's own formulas, and what the kernel says."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pftop.doctor import ring_bytes
from pftop.source import wire
from pftop.source.program import limits, map_capacity
from pftop.source.rings import LOG_RING_BYTES, RETIRED_RING_BYTES, ring_pages
from tests.bench.inside import Inside
from tests.bench.report import Figures, Result, Setting, Table

MIB = 1 << 20
PAGE_BYTES = 4096
RECORD_HEADER_BYTES = 16
"""What the perf ring puts around a record: its header, the length, padding."""


class Size(NamedTuple):
    """A machine."""

    cpus: int
    threads: int
    faults_per_s: int


SIZES = (
    Size(2, 500, 100_000),
    Size(16, 4000, 1_000_000),
    Size(64, 16_000, 4_000_000),
    Size(256, 65_536, 10_000_000),
)
LOG_RATE = 1000


def by_formula(size: Size) -> Figures:
    """Memory in MiB, and how long the rings last."""
    capacity = map_capacity(size.threads)
    maps = limits(capacity)
    record, event = wire.dtype("thread_record").itemsize, wire.dtype("fault_event").itemsize
    pages = {
        "log": ring_pages(LOG_RING_BYTES, size.cpus),
        "retired": ring_pages(RETIRED_RING_BYTES, size.cpus),
    }
    rings = {name: count * PAGE_BYTES * size.cpus / MIB for name, count in pages.items()}
    logged = min(LOG_RATE, size.faults_per_s / size.cpus)
    return {
        "capacity": capacity,
        "room_over_threads": capacity / size.threads,
        "threads_map_mib": maps["threads"] / MIB,
        "other_maps_mib": (sum(maps.values()) - maps["threads"]) / MIB,
        "log_ring_mib": rings["log"],
        "retired_ring_mib": rings["retired"],
        "kernel_mib": (sum(maps.values()) + ring_bytes(size.cpus)) / MIB,
        # two buffers in turn, of which only what was ever read into takes memory
        "reading_mib": 2 * size.threads * record / MIB,
        "log_ring_lasts_s": pages["log"] * PAGE_BYTES / (event + RECORD_HEADER_BYTES) / logged,
        "retired_ring_ends": pages["retired"] * PAGE_BYTES // (record + RECORD_HEADER_BYTES),
        "logged_per_s": logged * size.cpus,
        "logged_one_in": size.faults_per_s / (logged * size.cpus),
    }


def table_of(figures: Figures) -> Table:
    """A column a machine."""
    words = {
        "capacity": ("room for threads", "{:,.0f}"),
        "room_over_threads": ("  over those there are", "{:.1f} x"),
        "threads_map_mib": ("thread map, MiB", "{:.1f}"),
        "other_maps_mib": ("other maps, MiB", "{:.1f}"),
        "log_ring_mib": ("log rings, MiB", "{:.1f}"),
        "retired_ring_mib": ("rings of ended threads, MiB", "{:.1f}"),
        "kernel_mib": ("kernel memory, MiB", "{:.0f}"),
        "reading_mib": ("read into by pftop, MiB", "{:.1f}"),
        "log_ring_lasts_s": ("a log ring lasts, s", "{:.2f}"),
        "retired_ring_ends": ("ends a CPU until a ring is full", "{:,.0f}"),
        "logged_per_s": ("log lines/s, at most", "{:,.0f}"),
        "logged_one_in": ("  one in so many faults", "{:,.0f}"),
    }
    rows = [(text, *(form.format(found[key]) for found in figures.values())) for key, (text, form) in words.items()]
    return Table("memory by formula", ("", *figures), rows)


def held_by_kernel(pid: int) -> int:
    """Bytes the kernel says the BPF maps of a process take."""
    total, seen = 0, set()
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        fields = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
        if "map_id" in fields and fields["map_id"] not in seen:
            seen.add(fields["map_id"])
            total += int(fields["memlock"])
    return total


def run(setting: Setting) -> Result:
    """The formula for four machines, and for this one beside what the kernel accounts."""
    figures: Figures = {f"{size.cpus} CPUs, {size.threads:,} threads": by_formula(size) for size in SIZES}
    table = table_of(figures)
    driver = Inside(capacity=8192)
    try:
        held = held_by_kernel(driver.pid) / MIB
    finally:
        driver.close()
    formula = sum(limits(8192).values()) / MIB
    figures["check"] = {"formula_mib": formula, "kernel_says_mib": held}
    note = (
        f"this machine, room for 8,192 threads: formula {formula:.1f} MiB, the kernel accounts {held:.1f} MiB of maps"
    )
    return Result(figures, [Table(table.title, table.head, table.rows, (note,))])
