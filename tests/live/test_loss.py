"""Where something is lost, how much is told exactly: a full thread map, a full ring, faults after the exit."""

from __future__ import annotations

import json
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.harness import DEADLINE_S, PLANS, ROOT, Json, Pftop, Program
from tests.live.machine import PFTOP, SMALL_FAMILY, SMALL_MAP, SMALL_RINGS, objects

SLEEPERS = 600
FORKS = 1500
Start = Callable[..., Program]
Build = Callable[[str], Path]


@pytest.fixture
def sleepers() -> Iterator[Callable[[], list[subprocess.Popen[bytes]]]]:
    children: list[subprocess.Popen[bytes]] = []

    def go() -> list[subprocess.Popen[bytes]]:
        for _ in range(SLEEPERS):
            child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            children.append(child)
        return children

    yield go
    for child in children:
        child.kill()
        child.communicate()


def exact(ticks: list[Json]) -> None:
    for tick in ticks:
        ledger = tick["ledger"]
        assert abs(ledger["seen_off"]) <= ledger["slack"], tick["totals"]
        assert abs(ledger["log_off"]) <= ledger["slack"], tick["log"]


def test_a_full_map_loses_names_and_no_counts(sleepers: Callable[[], list[subprocess.Popen[bytes]]]) -> None:
    argv = [sys.executable, "-c", SMALL_MAP, "-J", "-d", "0.2", "--probe", PLANS[0]]
    child = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    lines = [child.stdout.readline(), child.stdout.readline()]
    assert json.loads(lines[1])["type"] == "tick"
    running = sleepers()
    for one in running:
        assert one.stdin is not None
        one.stdin.write(b"fault\n")
        one.stdin.flush()
    lines += [child.stdout.readline() for _ in range(3)]
    child.send_signal(signal.SIGINT)
    # not communicate(), which would pass by what readline() has read ahead
    found = objects("".join(lines) + child.stdout.read())
    ticks = [tick for tick in found if tick["type"] == "tick"]
    assert child.stderr is not None
    assert (child.wait(DEADLINE_S), child.stderr.read()) == (130, "")
    child.stdout.close()
    child.stderr.close()
    assert found[-1]["totals"]["unattributed"] > SLEEPERS
    assert sum(tick["totals"]["unattributed"] for tick in ticks) <= found[-1]["totals"]["unattributed"]
    exact(ticks)


def test_a_reader_that_stands_still_loses_what_it_says_it_lost() -> None:
    argv = [sys.executable, "-c", SMALL_RINGS, "-J", "-d", "0.3", "--probe", PLANS[0], "--log-rate", "10000"]
    child = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stderr is not None
    lines = [child.stdout.readline(), child.stdout.readline()]
    child.send_signal(signal.SIGSTOP)
    loop = f"i=0; while [ $i -lt {FORKS} ]; do /bin/true; i=$((i+1)); done"
    shells = [subprocess.Popen(["/bin/sh", "-c", loop]) for _ in range(2)]
    assert [shell.wait() for shell in shells] == [0, 0]
    child.send_signal(signal.SIGCONT)
    lines += [child.stdout.readline() for _ in range(3)]
    child.send_signal(signal.SIGINT)
    found = objects("".join(lines) + child.stdout.read())
    assert (child.wait(DEADLINE_S), child.stderr.read()) == (130, "")
    child.stdout.close()
    child.stderr.close()
    ticks = [tick for tick in found if tick["type"] == "tick"]
    sums = {name: sum(tick["log"][name] for tick in ticks) for name in ticks[0]["log"]}
    assert sums["lost"] > 0
    assert sums["completed"] == sums["logged"] + sums["sampled_out"] + sums["lost"]
    totals = found[-1]["totals"]
    # final records were lost too: what they held stands in "ended", and every fault is somewhere
    assert totals["ended"] > FORKS
    assert totals["seen"] >= FORKS * 2 * 20
    exact(ticks)


def test_every_logged_fault_that_got_through_is_written(
    build: Build, start: Start, pftop: Callable[..., Pftop]
) -> None:
    toucher = start(build("touch"), "40001", "2")
    assert toucher.hear() == "ready"
    watch = pftop("--events", "--log-rate", "10000")
    watch.ready()
    toucher.tell()
    toucher.usage()
    # two ticks: the lines of the last moments come with the next
    watch.next_tick()
    watch.next_tick()
    faults = [fault for fault in watch.faults() if fault["pid"] == toucher.pid]
    row = list(watch.rows(toucher.pid))[-1]
    watch.stop()
    assert 1000 < len(faults) <= row["minor_total"]
    assert len({(fault["tid"], fault["ts_ns"]) for fault in faults}) == len(faults)


def test_processes_that_end_while_pftop_starts_are_in_the_books(pftop: Callable[..., Pftop]) -> None:
    shell = subprocess.Popen(["/bin/sh", "-c", "while :; do /bin/true; done"])
    try:
        for _ in range(3):
            watch = pftop(delay="0.2")
            watch.ready()
            watch.next_tick()
            watch.stop()
            exact(watch.ticks())
    finally:
        shell.kill()
        shell.wait()


def test_a_fault_that_fails_after_the_exit_stays_in_the_books(build: Build, pftop: Callable[..., Pftop]) -> None:
    watch = pftop(delay="0.1")
    watch.ready()
    ended = [subprocess.run([build("late")], check=False).returncode for _ in range(20)]
    assert set(ended) == {0}
    # long enough for every record to be swept
    for _ in range(65):
        watch.next_tick()
    watch.stop()
    exact(watch.ticks())
    rows = [row for tick in watch.ticks() for row in tick["processes"] if row["comm"] == "late"]
    # no row comes back empty when its record is swept
    assert all(row["minor_total"] + row["failed_total"] > 0 for row in rows)
    assert sum(row["failed"] for row in rows) == 20


def test_cpus_that_go_are_told_of(tmp_path: Path) -> None:
    real = Path("/sys/devices/system/cpu/online")
    online = tmp_path / "online"
    online.write_text(real.read_text())
    prepare = f'mount --bind {online} {real}; exec "$@"'
    argv = ["unshare", "-m", "--propagation", "private", "/bin/sh", "-ec", prepare, "sh"]
    argv += [*PFTOP, "-J", "-d", "0.2", "--probe", PLANS[0]]
    child = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stderr is not None
    assert '"meta"' in child.stdout.readline()
    assert '"tick"' in child.stdout.readline()
    online.write_text("0\n")
    told, _, _ = select.select([child.stderr], [], [], DEADLINE_S)
    said = child.stderr.readline() if told else ""
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=DEADLINE_S)
    assert f"CPUs online: {real.read_text().strip()} before, 0 now. " in said
    assert said.endswith("restart pftop\n")


def test_descendants_that_find_no_room_are_told_of() -> None:
    # the shell and its nine children live at once, and a tenth comes
    command = ["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; /bin/true; wait"]
    argv = [sys.executable, "-c", SMALL_FAMILY, "-J", "-d", "0.2", "--probe", PLANS[0], "--", *command]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr
    said = re.findall(r"\b(\d+) descendants of the command found no room", done.stderr)
    # said again only when there are twice as many
    assert int(said[-1]) in range(4, 8)
    assert len(said) <= 3
