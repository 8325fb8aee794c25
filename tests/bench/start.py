"""How soon something is to be seen: help, the first tick in batch, the first frame with live data."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.bench.loads import saturated
from tests.bench.report import Bar, Figures, Result, Setting, Table, cell, middle
from tests.live.harness import ROOT, Pftop
from tests.live.terminal import Terminal

FRAME_BAR_S, HELP_BAR_S = 1.5, 0.2


def help_s() -> float:
    """From exec to the end of ``--help``."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "pftop", "--help"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def tick_s() -> float:
    """From exec to the first tick, of 0.1 s."""
    began = time.monotonic()
    watch = Pftop(delay="0.1", probe="auto")
    try:
        watch.ready()
        return time.monotonic() - began
    finally:
        watch.close()


def frame_s(pid: int) -> float:
    """From exec to a screen with this process in the table."""
    screen = Terminal(columns=120, lines=36)
    try:
        screen.until(lambda text: any(str(pid) in line for line in text[1:]))
        took = time.monotonic() - screen.started
        screen.press("q")
        screen.wait()
        return took
    finally:
        screen.close()


def run(setting: Setting) -> Result:
    """Each in turn, while one process faults."""
    times: dict[str, list[float]] = {"--help": [], "first tick (-J -d 0.1)": [], "first frame with live data": []}
    with saturated(setting.directory, 1) as (pid,):
        for _ in range(setting.rounds):
            for name, took in zip(times, (help_s(), tick_s(), frame_s(pid)), strict=True):
                times[name].append(took)
    figures: Figures = {name: {"median_s": middle(found), "best_s": min(found)} for name, found in times.items()}
    rows = [(name, cell(found["median_s"], 2), cell(found["best_s"], 2)) for name, found in figures.items()]
    table = Table("seconds from exec, one core faulting", ("", "median", "best"), rows)
    bars = [
        Bar("first frame with live data", figures["first frame with live data"]["median_s"], FRAME_BAR_S, " s"),
        Bar("--help", figures["--help"]["median_s"], HELP_BAR_S, " s"),
    ]
    return Result(figures, [table], bars)
