"""What watching costs a real job: a compile and a loop of Python start-ups, alone and watched, in turn."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.bench import ways
from tests.bench.loads import SOURCES
from tests.bench.report import Figures, Result, Setting, Table, absent, cell, middle
from tests.live.terminal import Terminal

COMPILE = """i=0
while [ $i -lt $1 ]; do
    for name in pfgen sleepers; do gcc -O2 -pthread -o /dev/null $2/$name.c || exit 1; done
    i=$((i+1))
done"""
LARGE = "gcc -O2 -c -o /dev/null $1"
FUNCTION = """unsigned f{n}(unsigned *a, unsigned n)
{{
    unsigned s = {n};

    for (unsigned j = 0; j < n; j++) {{
        s = s * {odd}u ^ a[j] >> (s & 7);
        switch (s % 7) {{
        case 0: s += a[(s ^ j) % n]; break;
        case 3: a[j] ^= f{before}(a, n / 2); break;
        case 5: s = s > {odd}u ? s / {odd}u : s + j; break;
        }}
    }}
    return s;
}}
"""
STARTS = "i=0; while [ $i -lt $1 ]; do $2 -c 'import json, subprocess' || exit 1; i=$((i+1)); done"
ALONE = "alone"
Timing = tuple[float, float, float]
"""Wall seconds, CPU seconds and faults."""
SETTLED_S = 4
"""A view stays open for long: what its first seconds cost is told by the start. Who runs alone waits as long: a CPU
that was idle is slower at first."""
PASSES, RUNS = 5, 4
"""Short passes a round, watchers in turn: a machine's pace drifts by more in a minute than watching costs. In a pass
each job runs so often, for attaching takes longer than it; the middle counts."""


@contextlib.contextmanager
def live_view() -> Iterator[ways.Tell]:
    """pftop in a terminal, whose own drawing is left out: it is another's, and often another machine's."""
    screen = Terminal(columns=120, lines=36)
    try:
        screen.shows("faults")
        screen.look_away()
        yield ways.ignore
        screen.press("q")
        screen.wait()
    finally:
        screen.close()


def watchers() -> list[ways.Way]:
    """Nobody, pftop in both views, and bpftrace's histogram."""
    return [
        ways.Way(ALONE, ways.nothing_attached),
        ways.Way("pftop -J", lambda: ways.pftop("--probe", "auto")),
        ways.Way("pftop, live view", live_view),
        ways.needing("bpftrace", ways.HISTOGRAM_NAME, lambda: ways.bpftrace(ways.HISTOGRAM)),
    ]


def large_source(directory: Path, functions: int) -> Path:
    """A source file of some size: those of the bench compile in a blink, most of which is gcc's start."""
    path = directory / "large.c"
    texts = [FUNCTION.format(n=n, odd=2 * n + 1, before=n - 1) for n in range(1, functions + 1)]
    path.write_text(
        "#include <stdio.h>\nunsigned f0(unsigned *a, unsigned n) { return a[n / 2]; }\n" + "".join(texts)
    )
    return path


def jobs_of(setting: Setting) -> dict[str, list[str | Path]]:
    """Name and command of each job."""
    compiles, starts = str(int(setting.pick(3, 1))), str(int(setting.pick(8, 3)))
    return {
        "compile, small files": ["sh", "-c", COMPILE, "sh", compiles, SOURCES],
        "compile, a large file": ["sh", "-c", LARGE, "sh", large_source(setting.directory, int(setting.pick(60, 5)))],
        "python starts": ["sh", "-c", STARTS, "sh", starts, sys.executable],
    }


def timed(argv: list[str | Path], runs: int) -> Timing:
    """Wall seconds, CPU seconds and faults of a command and all its children, the middle of so many runs."""
    walls, cpus, faults = zip(*(timed_once(argv) for _ in range(runs)), strict=True)
    return middle(walls), middle(cpus), middle(faults)


def timed_once(argv: list[str | Path]) -> tuple[float, float, int]:
    """Of a single run."""
    began = time.monotonic()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, argv
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_minflt + usage.ru_majflt


def run(setting: Setting) -> Result:
    """Each job under each watcher, interleaved."""
    everything, jobs = watchers(), jobs_of(setting)
    runs: defaultdict[tuple[str, str], list[Timing]] = defaultdict(list)
    passes = setting.rounds * int(setting.pick(PASSES, 1))
    for turn in range(passes):
        for way in everything[:: 1 - 2 * (turn % 2)]:
            if way.missing:
                continue
            with way.attach():
                time.sleep(setting.pick(SETTLED_S, 0))
                for name, argv in jobs.items():
                    runs[name, way.name].append(timed(argv, int(setting.pick(RUNS, 1))))
    result = Result()
    for name in jobs:
        figures = {way.name: figures_of(way, runs[name, way.name], runs[name, ALONE]) for way in everything}
        result.figures[name] = figures
        result.tables.append(table_of(name, figures, passes))
    return result


def figures_of(way: ways.Way, mine: list[Timing], alone: list[Timing]) -> Figures:
    """Medians, and the median ratio of the passes."""
    if way.missing:
        return {"missing": way.missing}
    pairs = list(zip(mine, alone, strict=True))
    return {
        "wall_s": middle([run[0] for run in mine]),
        "cpu_s": middle([run[1] for run in mine]),
        "faults": middle([run[2] for run in mine]),
        "x_wall": middle([run[0] / base[0] for run, base in pairs]),
        "x_cpu": middle([run[1] / base[1] for run, base in pairs]),
    }


def table_of(name: str, figures: Figures, passes: int) -> Table:
    """One job's table."""
    rows: list[tuple[str, ...]] = []
    for way, found in figures.items():
        if "missing" in found:
            rows.append(absent(way, found["missing"]))
            continue
        digits = {"wall_s": 3, "cpu_s": 3, "faults": 0, "x_wall": 3, "x_cpu": 3}
        rows.append((way, *(cell(found[key], count) for key, count in digits.items())))
    head = ("", "wall s", "CPU s", "faults", "x wall", "x CPU")
    notes = ("CPU s: of the job alone, not of who watches it; x: over alone, in the same pass",)
    return Table(f"job: {name}, {passes} interleaved passes", head, rows, notes)
