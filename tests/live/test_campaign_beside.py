"""Beside other observers and in a crowd: all count the same, and what has no room is counted too."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.live.campaign import (
    Changed,
    MachineCounter,
    accounts,
    all_named,
    exact,
    family_counters,
    of_pid,
    since,
)
from tests.live.harness import DEADLINE_S, FAULTS, SHARE, Pftop, Program, balanced
from tests.live.machine import SMALL_MAP

PAGES = 100_003 // SHARE | 1
TRACE = 't:exceptions:page_fault_user { if (!@up) { @up = 1; printf("ready\\n"); } @of[pid] = count(); }'
Start = Callable[..., Program]
Watch = Callable[..., Pftop]
Build = Callable[[str], Path]


def interrupted(child: subprocess.Popen[str]) -> str:
    """What it printed until its end; bpftrace may forget a SIGINT."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        child.send_signal(signal.SIGINT)
        try:
            return child.communicate(timeout=DEADLINE_S / 6)[0]
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                raise


@contextmanager
def bpftrace(counted: dict[str, int], pid: int) -> Iterator[None]:
    """bpftrace's count of user-mode faults of a process, where it is installed."""
    if not shutil.which("bpftrace"):
        print("bpftrace is not installed: left out")
        yield
        return
    argv = ["bpftrace", "-B", "line", "-e", TRACE]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout is not None
    # it says so at the first fault it sees, and there are always some
    while (said := child.stdout.readline()) not in ("ready\n", ""):
        pass
    yield
    if not said:
        child.wait(DEADLINE_S)
        print("bpftrace does not run here: left out")
        return
    counted["bpftrace"] = int(interrupted(child).partition(f"@of[{pid}]: ")[2].split()[0])


@contextmanager
def perf_stat(counted: dict[str, int], pid: int, out: Path) -> Iterator[None]:
    """``perf stat``'s count of minor faults of a process, where it is installed."""
    if not shutil.which("perf"):
        print("perf is not installed: left out")
        yield
        return
    tell, told = os.pipe()
    heard, hear = os.pipe()
    argv = ["perf", "stat", "-D", "-1", "--control", f"fd:{tell},{hear}", "-x", ",", "-o", str(out)]
    argv += ["-e", "minor-faults", "-p", str(pid)]
    child = subprocess.Popen(argv, pass_fds=(tell, hear), stderr=subprocess.DEVNULL)
    os.close(hear)
    os.write(told, b"enable\n")
    runs = os.read(heard, 16).startswith(b"ack")
    yield
    if runs:
        child.send_signal(signal.SIGINT)
    child.wait(DEADLINE_S)
    for fd in (tell, told, heard):
        os.close(fd)
    if not runs:
        print("perf does not run here: left out")
        return
    (line,) = (line for line in out.read_text().splitlines() if "minor-faults" in line)
    counted["perf"] = int(line.split(",")[0])


def test_all_observers_at_once_count_the_same(build: Build, start: Start, pftop: Watch, tmp_path: Path) -> None:
    toucher = start(build("touch"), str(PAGES), "2")
    assert toucher.hear() == "ready"
    observers = [pftop(), pftop("--events")]
    for one in observers:
        one.ready()
    counted: dict[str, int] = {}
    with (
        bpftrace(counted, toucher.pid),
        perf_stat(counted, toucher.pid, tmp_path / "perf"),
        family_counters(toucher.pid) as counters,
    ):
        settled = {one: one.next_tick()["seq"] for one in observers}
        toucher.tell()
        assert toucher.usage() == (PAGES, 0)
        assert [counter.read() for counter in counters] == [PAGES, 0]
    print(counted)
    assert set(counted.values()) <= {PAGES}
    for one, seq in settled.items():
        one.next_tick()
        all_named(since(one, seq))
        assert of_pid(accounts(since(one, seq)), toucher.pid).counts == (PAGES, 0, 0)
        one.stop()
        balanced(one.ticks())


def test_a_crowd_that_finds_no_room_is_counted_as_such(build: Build, start: Start) -> None:
    count, pages, room = 5_000 // SHARE, 7, 64
    watch = Changed(SMALL_MAP)
    try:
        watch.ready()
        machine = MachineCounter(FAULTS)
        crowd = start(build("crowd"), str(count), str(pages))
        assert crowd.hear() == "ready"
        settled = watch.next_tick()["seq"]
        before = machine.read()
        crowd.tell()
        assert crowd.usage() == (count * pages, 0)
        watch.next_tick()
        after = machine.read()
        members = set(map(int, Path(f"/proc/{crowd.pid}/task/{crowd.pid}/children").read_text().split()))
        ticks = since(watch, settled)
        watch.stop()
    finally:
        watch.close()
    assert len(members) == count
    rows = [account for key, account in accounts(ticks).items() if key[0] in members]
    named = sum(sum(row.counts) for row in rows)
    unattributed = sum(tick["totals"]["unattributed"] for tick in ticks)
    print(f"{len(rows)} rows with {named} faults, {unattributed} unattributed of the machine's {after - before}")
    assert len(rows) <= room
    assert all(row.counts == (pages, 0, 0) for row in rows)
    # all the rest of theirs, and of others no more than the machine had besides
    assert count * pages - named <= unattributed <= after - before - named
    exact(watch.ticks())
