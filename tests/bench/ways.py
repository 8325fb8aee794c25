"""Owns the ways a machine's faults may be watched: pftop by plan and setting, and the public tools beside it."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

from pftop.source.plan import LADDER
from tests.bench.inside import Inside
from tests.live.harness import DEADLINE_S, ROOT

COUNT = "tracepoint:exceptions:page_fault_user { @[pid] = count(); }"
HISTOGRAM = """
tracepoint:exceptions:page_fault_user { @begun[tid] = nsecs; }
software:minor-faults:1 /@begun[tid]/ { @ns[pid] = hist(nsecs - @begun[tid]); delete(@begun[tid]); }
"""
SAY = ("sh", "-c", "echo attached; exec cat")
"""A command for perf: it starts it once it counts, and ends with it, which is with our pipe."""
BPFTRACE_ENDS_WITHIN_S = 3
COUNT_NAME, HISTOGRAM_NAME = "bpftrace count()", "bpftrace hist()"

Tell = Callable[[int], None]
"""Told the pid of what is measured, before it goes."""


def ignore(_pid: int) -> None:
    """Watch everything alike."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way of watching; attached for as long as the context lasts."""

    name: str
    attach: Callable[[], AbstractContextManager[Tell]] = field(repr=False)
    missing: str = ""
    """Why it cannot be had here."""


@contextlib.contextmanager
def pftop(*options: str) -> Iterator[Tell]:
    """pftop in batch, writing JSON Lines to a file; it begins to write once it counts."""
    with tempfile.TemporaryFile(dir="/dev/shm") as out:
        argv = [sys.executable, "-m", "pftop", "-J", *options]
        child = subprocess.Popen(argv, cwd=ROOT, stdout=out, stderr=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + DEADLINE_S
            while not out.seek(0, 2):
                assert child.poll() is None, "pftop ended"
                assert time.monotonic() < deadline, "pftop did not start"
                time.sleep(0.02)
            yield ignore
        finally:
            child.send_signal(signal.SIGINT)
            child.communicate()


@contextlib.contextmanager
def focused(plan: str) -> Iterator[Tell]:
    """pftop drilled down on what is measured."""
    driver = Inside(plan)
    try:
        yield driver.focus
    finally:
        driver.close()


@contextlib.contextmanager
def bpftrace(program: str) -> Iterator[Tell]:
    """bpftrace, attached: it says so once its BEGIN probe has run."""
    script = f'BEGIN {{ printf("attached\\n"); }} {program}'
    child = subprocess.Popen(
        ["bpftrace", "-e", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
    )
    assert child.stdout is not None
    while "attached" not in (line := child.stdout.readline()):
        assert line, "bpftrace ended"
    try:
        yield ignore
    finally:
        # it forgets a signal that comes right after its BEGIN
        while child.poll() is None:
            child.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.communicate(timeout=BPFTRACE_ENDS_WITHIN_S)


@contextlib.contextmanager
def perf(*words: str, writes: bool = True) -> Iterator[Tell]:
    """A perf tool for the whole machine."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        into = ["-o", f"{directory}/out"] if writes else []
        child = subprocess.Popen(
            ["perf", *words, "-a", *into, "--", *SAY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
        )
        assert child.stdout is not None
        assert child.stdin is not None
        assert "attached" in child.stdout.readline(), f"perf {words[0]} ended"
        try:
            yield ignore
        finally:
            child.stdin.close()
            child.stdout.close()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def refusal(plan: str) -> str:
    """Why a plan does not run here; empty when it does."""
    argv = [sys.executable, "-m", "pftop", "-J", "-n", "1", "-d", "0.1", "--probe", plan]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    why = [line for line in done.stderr.splitlines() if "why:" in line]
    return " ".join((why or done.stderr.splitlines() or ["no reason given"])[0].split())


def of_plan(plan: str) -> list[Way]:
    """A plan in each setting that there is. Histograms cannot be switched off: every setting has them."""
    if why := refusal(plan):
        return [Way(f"pftop {plan}", nothing_attached, why)]
    base = ("--probe", plan)
    if plan == "proc":
        return [Way("pftop proc, rates only", partial(pftop, *base))]
    return [
        Way(f"pftop {plan}, counters+histograms", partial(pftop, *base, "--log-rate", "1")),
        Way(f"pftop {plan}, + log (default)", partial(pftop, *base)),
        Way(f"pftop {plan}, + log 10,000/s", partial(pftop, *base, "--log-rate", "10000", "--events")),
        Way(f"pftop {plan}, + drill-down", partial(focused, plan)),
    ]


@contextlib.contextmanager
def nothing_attached() -> Iterator[Tell]:
    """What is measured runs alone."""
    yield ignore


def needing(tool: str, name: str, attach: Callable[[], AbstractContextManager[Tell]]) -> Way:
    """A way by a tool that may not be installed."""
    return Way(name, attach, "" if shutil.which(tool) else f"{tool} is not installed")


def all_ways() -> list[Way]:
    """Every plan in every setting, and its rivals."""
    plans = [way for plan in LADDER for way in of_plan(plan)]
    return [
        *plans,
        needing("bpftrace", COUNT_NAME, lambda: bpftrace(COUNT)),
        needing("bpftrace", HISTOGRAM_NAME, lambda: bpftrace(HISTOGRAM)),
        needing("perf", "perf trace -F all", lambda: perf("trace", "-F", "all", "--no-syscalls")),
        needing("perf", "perf record -c 1", lambda: perf("record", "-e", "page-faults", "-c", "1")),
        needing("perf", "perf stat", lambda: perf("stat", "-e", "page-faults", writes=False)),
    ]
