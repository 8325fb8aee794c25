"""Owns what watching costs a compile, file by file: the probes of one running pftop, off and on in turn.

Attaching anew for each run would drift: a machine's pace changes by more in a minute than watching costs. Here each
file is compiled with and without probes within a second or two, there and back.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.bench.inside import Inside
from tests.bench.jobs import FUNCTION, timed_once
from tests.bench.loads import SOURCES
from tests.bench.report import MISSING, Bar, Figures, Result, Setting, Table, absent, cell

BAR = 1.03
SURE = 0.01
"""A standard error above this hides what the bar is about."""
SETTLED_S = 0.05
PASSES = 3
"""A round."""
RESAMPLED = 400
FUNCTIONS = (4, 9, 16, 25, 36)
"""In the files of the project made up here."""
SHOWN = (
    ("files", 0),
    ("file_s", 3),
    ("faults_per_s", 0),
    ("x_wall", 4),
    ("x_wall_error", 4),
    ("x_cpu", 4),
    ("x_cpu_error", 4),
)
"""Figures in the table, with their digits."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Project:
    """Commands that compile a file each."""

    name: str
    commands: tuple[tuple[str, ...], ...]


def compiling(source: Path, *flags: str) -> tuple[str, ...]:
    """Of one file, as a makefile would."""
    return ("gcc", "-O2", "-w", f"-I{source.parent}", *flags, "-o", "/dev/null", str(source))


def small_programs() -> Project:
    """The bench's own: so short that most of it is the start of compiler, assembler and linker, which do nothing but
    fault."""
    commands = tuple(compiling(one, "-pthread") for one in sorted(SOURCES.glob("*.c")))
    return Project(f"{len(commands)} small programs, linked", commands)


def made_up(directory: Path, sizes: Sequence[int]) -> Project:
    """Files of some length."""
    sources = []
    for size in sizes:
        sources.append(directory / f"functions{size}.c")
        texts = [FUNCTION.format(n=n, odd=2 * n + 1, before=n - 1) for n in range(1, size + 1)]
        first = "#include <stdio.h>\nunsigned f0(unsigned *a, unsigned n) { return a[n / 2]; }\n"
        sources[-1].write_text(first + "".join(texts))
    return Project(f"{len(sizes)} made-up files", tuple(compiling(one, "-c") for one in sources))


def found_in(directory: Path) -> Project:
    """The files of a directory that compile without more ado."""
    commands = [compiling(one, "-c") for one in sorted(directory.glob("*.c"))]
    fit = [one for one in commands if subprocess.run(one, capture_output=True, check=False).returncode == 0]
    return Project(f"{directory.resolve().name}, {len(fit)} of {len(commands)} files", tuple(fit))


def measured(driver: Inside, project: Project, passes: int) -> tuple[Floats, float]:
    """Wall and CPU seconds by pass, file, and probes off or on; and faults a second, without them."""
    found = np.zeros((passes, len(project.commands), 2, 2))
    faults = 0
    for one in range(passes):
        for at, command in enumerate(project.commands):
            # there and back: what drifts meanwhile is in both sums
            for on in random.choice(((0, 1, 1, 0), (1, 0, 0, 1))):
                driver.ask("switch", on=on)
                time.sleep(SETTLED_S)
                wall_s, cpu_s, count = timed_once(list(command))
                found[one, at, on] += wall_s, cpu_s
                faults += 0 if on else count
    return found, faults / float(found[:, :, 0, 0].sum())


def ratio(runs: Floats, weights: Floats) -> float:
    """With probes over without: the weighted median of pairs (n, 2)."""
    ratios = runs[:, 1] / runs[:, 0]
    order = np.argsort(ratios)
    reached = np.cumsum(weights[order])
    return float(ratios[order[np.searchsorted(reached, reached[-1] / 2)]])


def ratio_and_error(runs: Floats) -> tuple[float, float]:
    """Of pairs (passes, files, 2), each weighing as much as its file takes; the error by drawing anew."""
    weights = np.broadcast_to(np.median(runs[:, :, 0], axis=0), runs.shape[:2]).ravel()
    pairs, source = runs.reshape(-1, 2), np.random.default_rng(1)
    drawn = [source.integers(0, len(pairs), len(pairs)) for _ in range(RESAMPLED)]
    return ratio(pairs, weights), float(np.std([ratio(pairs[rows], weights[rows]) for rows in drawn]))


def figures_of(runs: Floats, faults_per_s: float) -> Figures:
    """Of one project."""
    (wall, wall_error), (cpu, cpu_error) = (ratio_and_error(runs[..., clock]) for clock in (0, 1))
    return {
        "files": runs.shape[1],
        "passes": runs.shape[0],
        "file_s": float(np.median(runs[:, :, 0, 0], axis=0).mean()) / 2,
        "faults_per_s": faults_per_s,
        "x_wall": wall,
        "x_wall_error": wall_error,
        "x_cpu": cpu,
        "x_cpu_error": cpu_error,
        "runs": runs.tolist(),
    }


def run(setting: Setting) -> Result:
    """Every project."""
    projects = [small_programs(), made_up(setting.directory, FUNCTIONS[: int(setting.pick(5, 1))])]
    projects += [found_in(one) for one in setting.sources]
    result, rows, driver = Result(), list[tuple[str, ...]](), Inside()
    try:
        if not driver.ask("switch", on=1)["switched"]:
            why = f"probes of plan {driver.ready['plan']} cannot be switched off and on"
            return Result({MISSING: why}, [Table("compile", ("", ""), [absent("all projects", why)])])
        for project in projects:
            if not project.commands:
                result.figures[project.name] = {MISSING: "no file that compiles"}
                rows.append(absent(project.name, "no file that compiles"))
                continue
            runs, faults = measured(driver, project, max(2, int(setting.pick(PASSES * setting.rounds, 2))))
            found = result.figures[project.name] = figures_of(runs, faults)
            rows.append(row_of(project.name, found))
            sure = found["x_wall_error"] <= SURE
            result.bars.append(Bar(f"compile, {project.name}, wall", found["x_wall"], BAR, " x", sure))
    finally:
        driver.close()
    head = ("", "files", "s a file", "faults/s", "x wall", "+-", "x CPU", "+-")
    notes = ("one file after the other, off, on, on, off; x: on over off, weighted median; +-: standard error",)
    result.tables.append(Table(f"compile, {driver.ready['plan']}", head, rows, notes))
    return result


def row_of(name: str, found: Figures) -> tuple[str, ...]:
    """Of the table."""
    return (name, *(cell(found[key], digits) for key, digits in SHOWN))
