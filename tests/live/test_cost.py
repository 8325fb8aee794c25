"""What pftop says it costs: the kernel's statistics are on while that is asked for, and off afterwards."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.harness import PLANS, Json, Pftop
from tests.live.terminal import Terminal

SYSCTL = Path("/proc/sys/kernel/bpf_stats_enabled")
FAULTS = """
import mmap
area = mmap.mmap(-1, 16 << 20)
while True:
    for page in range(0, len(area), 4096):
        area[page] = 1
    area.madvise(mmap.MADV_DONTNEED)
"""


def runs(pid: int) -> int:
    """Runs of the BPF programs that a process holds, as far as statistics were on."""
    total = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            text = Path(f"/proc/{pid}/fdinfo/{fd}").read_text(encoding="ascii")
        except OSError:
            continue
        total += sum(int(found) for found in re.findall(r"^run_cnt:\s*(\d+)", text, re.MULTILINE))
    return total


def switches(pid: int) -> int:
    """Descriptors of a process that keep statistics on."""
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            continue
    return links.count("anon_inode:bpf-stats")


def advances(pid: int, within_s: float = 1.0) -> bool:
    before, until = runs(pid), time.monotonic() + within_s
    while time.monotonic() < until:
        time.sleep(0.05)
        if runs(pid) > before:
            return True
    return False


@pytest.fixture(autouse=True)
def nobody_else_keeps_statistics_on() -> None:
    if SYSCTL.read_text(encoding="ascii").strip() != "0":
        pytest.skip("DID NOT RUN: kernel.bpf_stats_enabled is on")


@pytest.fixture
def busy() -> Iterator[int]:
    """A process that does nothing but fault."""
    child = subprocess.Popen(["python3", "-c", FAULTS])
    yield child.pid
    child.kill()
    child.wait()


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*options: str) -> Terminal:
        opened.append(Terminal(*options, columns=120, lines=36))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.mark.usefixtures("busy")
def test_a_fault_costs_some_hundred_nanoseconds_of_bpf(pftop: Callable[..., Pftop]) -> None:
    watch = pftop("--cost", delay="0.5")
    watch.ready()
    ticks = [watch.next_tick() for _ in range(3)]
    assert switches(watch.child.pid) == 1
    assert advances(watch.child.pid)
    watch.stop()
    for tick in ticks:
        cost = tick["cost"]
        assert 50 < cost["bpf_ns_per_fault"] < 20_000
        assert cost["cpu_ratio"] > 0
        assert cost["rss_bytes"] > 1 << 20
        # the two figures are of the same programs but for those at a thread's ends
        share = cost["bpf_ns_per_fault"] * tick["totals"]["seen"] / tick["interval_ns"]
        assert share == pytest.approx(cost["bpf_ratio"], rel=0.3)
    assert SYSCTL.read_text(encoding="ascii").strip() == "0"


@pytest.mark.usefixtures("busy")
def test_nothing_is_measured_that_nobody_asked_for(pftop: Callable[..., Pftop]) -> None:
    watch = pftop()
    watch.ready()
    tick = watch.next_tick()
    assert (switches(watch.child.pid), advances(watch.child.pid)) == (0, False)
    assert (tick["cost"]["bpf_ns_per_fault"], tick["cost"]["bpf_ratio"], tick["cost"]["degraded"]) == (
        None,
        None,
        None,
    )
    watch.stop()


@pytest.mark.usefixtures("busy")
def test_the_live_view_measures_while_it_shows_and_not_after(terminal: Callable[..., Terminal]) -> None:
    view = terminal("--probe", PLANS[0], "-d", "0.5")
    view.shows("check")
    pid = view.child.pid
    assert (switches(pid), advances(pid)) == (0, False)
    view.press("x")
    view.until(lambda lines: any(re.search(r"BPF +\d[\d.]*[nu]s a fault, \d", line) for line in lines))
    assert switches(pid) == 1
    view.press("x")
    view.shows("check")
    time.sleep(0.5)
    assert (switches(pid), advances(pid)) == (0, False)
    view.press("q")
    assert view.wait() == 0


@pytest.mark.usefixtures("busy")
def test_a_limit_is_kept_to_as_far_as_it_can_be_and_every_step_is_said(pftop: Callable[..., Pftop]) -> None:
    watch = pftop("--max-overhead", "0.1", "--log-rate", "40", delay="0.5")
    watch.ready()
    watch.wait(lambda found: found["type"] == "tick" and "nothing left to lower" in found["cost"]["degraded"])
    watch.next_tick()
    watch.stop()
    ticks = watch.ticks()
    taken: list[list[str]] = []
    for tick in ticks:
        if not taken or taken[-1] != tick["cost"]["degraded"]:
            taken.append(tick["cost"]["degraded"])
    rate = "log rate 10/s"
    assert taken == [
        [],
        [rate],
        [rate, "interval 1s"],
        [rate, "interval 2s"],
        [rate, "interval 2s", "detail off"],
        [rate, "interval 2s", "detail off", "nothing left to lower"],
    ]
    # the last one was cut short by the signal
    whole = ticks[-2]
    assert whole["interval_ns"] > 1.5e9
    assert whole["log"]["logged"] < (10 * whole["interval_ns"] / 1e9 + 10) * (os.cpu_count() or 1)
    counts_hold(ticks)
    assert watch.child.stderr is not None
    said = watch.child.stderr.read().splitlines()
    assert said[0] == f"pftop: over --max-overhead 0.1: {rate}; the counts stay exact"
    assert len(said) == 5


def counts_hold(ticks: list[Json]) -> None:
    for tick in ticks:
        assert abs(tick["ledger"]["seen_off"]) <= tick["ledger"]["slack"]
        assert abs(tick["ledger"]["log_off"]) <= tick["ledger"]["slack"]
