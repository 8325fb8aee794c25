"""What a fault costs while it is watched: pftop beside bpftrace, in interleaved runs. Prints figures, judges none."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.harness import ROOT, Pftop

ROUNDS = int(os.environ.get("PFTOP_BENCH_ROUNDS", "3"))
SECONDS = "0.6"
COUNT = "tracepoint:exceptions:page_fault_user { @[pid] = count(); }"
HISTOGRAM = """
tracepoint:exceptions:page_fault_user { @begun[tid] = nsecs; }
software:minor-faults:1 /@begun[tid]/ { @ns[pid] = hist(nsecs - @begun[tid]); delete(@begun[tid]); }
"""


@contextlib.contextmanager
def nothing() -> Iterator[None]:
    """The loop alone."""
    yield


@contextlib.contextmanager
def watched(*options: str) -> Iterator[None]:
    """pftop, counting."""
    watch = Pftop(*options, delay="1", probe="auto")
    try:
        watch.ready()
        yield
    finally:
        watch.close()


@contextlib.contextmanager
def bpftrace(program: str) -> Iterator[None]:
    """bpftrace, attached: it says so once its BEGIN probe has run."""
    script = f'BEGIN {{ printf("attached\\n"); }} {program}'
    child = subprocess.Popen(
        ["bpftrace", "-e", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
    )
    assert child.stdout is not None
    while "attached" not in (line := child.stdout.readline()):
        assert line, "bpftrace ended"
    try:
        yield
    finally:
        child.send_signal(signal.SIGINT)
        child.communicate()


@pytest.fixture(scope="module")
def pfgen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("bench") / "pfgen"
    subprocess.run(["gcc", "-O2", "-o", target, Path(__file__).parent / "pfgen.c"], check=True)
    return target


def measure(pfgen: Path) -> tuple[float, float]:
    """ns a fault: mean, and of the best lap."""
    found = subprocess.run([pfgen, SECONDS], capture_output=True, text=True, check=True).stdout.split()
    return float(found[0]), float(found[1])


def test_what_watching_adds_to_a_fault(pfgen: Path) -> None:
    ways: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
        "nothing": nothing,
        "pftop": watched,
        "pftop, 10,000 log lines/s": lambda: watched("--log-rate", "10000", "--events"),
    }
    if shutil.which("bpftrace"):
        ways["bpftrace count()"] = lambda: bpftrace(COUNT)
        ways["bpftrace hist()"] = lambda: bpftrace(HISTOGRAM)
    means: dict[str, list[float]] = {name: [] for name in ways}
    bests: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            with way():
                mean, best = measure(pfgen)
            means[name].append(mean)
            bests[name].append(best)
    base = statistics.median(bests["nothing"])
    print(f"\nns a fault, {ROUNDS} interleaved rounds, Linux {os.uname().release}")
    print(f"{'':28}{'median':>9}{'best lap':>10}{'added':>8}")
    figures = {}
    for name in ways:
        best = statistics.median(bests[name])
        figures[name] = {"mean_ns": statistics.median(means[name]), "best_lap_ns": best, "added_ns": best - base}
        print(f"{name:28}{figures[name]['mean_ns']:9.0f}{best:10.0f}{best - base:8.0f}")
    if target := os.environ.get("PFTOP_BENCH_JSON"):
        Path(target).write_text(json.dumps(figures, indent=2))
    assert all(len(found) == ROUNDS for found in bests.values())


def test_what_it_costs_while_the_machine_is_quiet() -> None:
    watch = Pftop(delay="1", probe="auto")
    try:
        watch.ready()
        ticks = [watch.wait(lambda found: found["type"] == "tick") for _ in range(6)]
    finally:
        watch.close()
    cpu = statistics.median(tick["cost"]["cpu_ratio"] for tick in ticks)
    print(f"\nbatch, quiet: {cpu:.2%} of a core, {ticks[-1]['cost']['rss_bytes'] / 2**20:.0f} MB RSS")


def test_how_soon_help_and_the_first_tick_come() -> None:
    times = []
    for _ in range(3):
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "pftop", "--help"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        times.append(time.monotonic() - began)
    print(f"\n--help: {statistics.median(times):.2f} s")
    times = []
    for _ in range(3):
        began = time.monotonic()
        watch = Pftop(delay="0.1", probe="auto")
        watch.ready()
        times.append(time.monotonic() - began)
        watch.close()
    print(f"first tick of 0.1 s: {statistics.median(times):.2f} s from exec")
