"""Owns what a benchmark hands back, figures and tables, and how both are shown and checked for holes."""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
MISSING = "missing"
"""The key under which figures say why there are none."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How much is measured, and where the programs are built."""

    directory: Path
    rounds: int = 5
    quick: bool = False
    ways: tuple[str, ...] = ()
    """Of the ways to watch faults only those whose name has one of these in it; none: all."""
    sources: tuple[Path, ...] = ()
    """Directories of C files to compile, besides those there are."""

    def pick(self, whole: float, quick: float) -> float:
        """A duration, or any other amount, by how thorough the run is."""
        return quick if self.quick else whole


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; the first column stands to the left, the others to the right."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """One of the numbers to hold, and what was measured."""

    what: str
    figure: float
    limit: float
    unit: str = ""
    sure: bool = True
    """False where other work on the machine hid what was to be measured."""

    @property
    def holds(self) -> bool:
        """Whether it does, in this run."""
        return self.sure and self.figure <= self.limit

    def line(self) -> str:
        """As shown."""
        verdict = ("holds" if self.holds else "MISSED") if self.sure else "UNSURE"
        return f"{verdict:<7} {self.what}: {self.figure:.4g}{self.unit}, at most {self.limit:.4g}{self.unit}"


@dataclass(slots=True)
class Result:
    """What one benchmark found."""

    figures: Figures = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)


def layout(table: Table) -> str:
    """A table as text; one without a head stands to the left."""
    if not any(table.head):
        width = max(len(row[0]) for row in table.rows)
        return "\n".join([table.title, *(f"{row[0]:{width}}  {'  '.join(row[1:])}" for row in table.rows)])
    lines = [table.head, *table.rows]
    full = [line for line in lines if len(line) == len(table.head)]
    widths = [max(len(line[at]) for line in full) for at in range(len(table.head))]
    widths[0] = max(len(line[0]) for line in lines)
    text = [table.title]
    for line in lines:
        cells = [line[0].ljust(widths[0]), *(cell.rjust(widths[at]) for at, cell in enumerate(line[1:], 1))]
        text.append("  ".join(cells).rstrip())
    return "\n".join([*text, *(f"  {note}" for note in table.notes)])


def cell(value: float | None, digits: int = 0) -> str:
    """A figure in a table."""
    return "-" if value is None else f"{value:.{digits}f}"


def absent(name: str, why: str) -> tuple[str, ...]:
    """The line of what cannot be measured here: said loudly, and no error."""
    return (name, f"NOT MEASURED: {why}")


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def holes(figures: Any, path: str = "") -> Iterator[str]:
    """Where a figure should stand and none does; what says why it is missing is no hole."""
    if isinstance(figures, dict):
        if not figures:
            yield f"{path}: empty"
        if MISSING not in figures:
            for name, value in figures.items():
                yield from holes(value, f"{path}/{name}")
    elif isinstance(figures, list | tuple):
        if not figures:
            yield f"{path}: empty"
        for at, value in enumerate(figures):
            yield from holes(value, f"{path}/{at}")
    elif figures is None or (isinstance(figures, float) and not math.isfinite(figures)):
        yield f"{path}: {figures}"


def machine() -> Figures:
    """What the figures are of, and what may spoil them."""
    from tests.live.machine import program_ids

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "kernel": platform.release(),
        "arch": platform.machine(),
        "cpus": os.cpu_count(),
        "memory_bytes": memory,
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
        "bpf_programs_of_others": len(program_ids()) if os.geteuid() == 0 else 0,
    }


def heading(found: Figures) -> str:
    """The machine in one line, with a warning where something else runs on it."""
    line = f"Linux {found['kernel']} {found['arch']}, {found['cpus']} CPUs, Python {found['python']}"
    line += f", load {found['load_average']:.2f}"
    if found["bpf_programs_of_others"]:
        line += (
            f"\n!! {found['bpf_programs_of_others']} BPF programs of others are loaded: a fault may cost more already"
        )
    return line
