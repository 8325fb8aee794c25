"""Counts equal the kernel's, with difference 0, for a known number of faults."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.harness import DEADLINE_S, MAJOR, MINOR, PLANS, ROOT, PerfCounter, Pftop, Program, balanced

PAGES = 100_003
Start = Callable[..., Program]
Watch = Callable[..., Pftop]
Build = Callable[[str], Path]


@pytest.mark.parametrize("threads", [1, 16])
@pytest.mark.parametrize("pftop", PLANS, indirect=True)
def test_every_touched_page_is_one_fault(threads: int, build: Build, start: Start, pftop: Watch) -> None:
    toucher = start(build("touch"), str(PAGES), str(threads))
    assert toucher.hear() == "ready"
    watch = pftop("-p", str(toucher.pid))
    watch.ready()
    counters = [PerfCounter(MINOR, toucher.threads()), PerfCounter(MAJOR, toucher.threads())]
    toucher.tell()
    usage = toucher.usage()
    perf = tuple(counter.read() for counter in counters)
    watch.next_tick()
    watch.stop()
    rows = list(watch.rows(toucher.pid))
    assert usage == (PAGES, 0)
    assert perf == usage
    assert (rows[-1]["minor_total"], rows[-1]["major_total"], rows[-1]["failed_total"]) == (PAGES, 0, 0)
    assert sum(row["minor"] for row in rows) == PAGES
    assert sum(row["write"] for row in rows) == PAGES
    assert sum(row["latency"]["count"] for row in rows) == PAGES
    assert sum(row["stall_ns"] for row in rows) == rows[-1]["stall_total_ns"] > PAGES * 100
    balanced(watch.ticks())


@pytest.mark.parametrize("pftop", PLANS, indirect=True)
def test_threads_add_up_to_their_process(build: Build, start: Start, pftop: Watch) -> None:
    toucher = start(build("touch"), str(PAGES), "7")
    assert toucher.hear() == "ready"
    watch = pftop("-p", str(toucher.pid), "-H")
    watch.ready()
    toucher.tell()
    toucher.usage()
    watch.next_tick()
    watch.stop()
    by_thread: dict[int, int] = {}
    for row in watch.rows(toucher.pid):
        for thread in row["threads"]:
            by_thread[thread["tid"]] = by_thread.get(thread["tid"], 0) + thread["minor"]
    shares = [len(range(who, PAGES, 7)) for who in range(7)]
    assert sorted(by_thread.values()) == sorted(shares)


@pytest.mark.parametrize("pftop", PLANS, indirect=True)
def test_every_short_process_is_counted_and_none_merged(tmp_path: Path, pftop: Watch) -> None:
    name = "true-of-pftop"
    shutil.copy("/bin/true", tmp_path / name)
    watch = pftop()
    watch.ready()
    script = f"i=0; while [ $i -lt 1000 ]; do {tmp_path}/{name}; i=$((i+1)); done"
    subprocess.run(["/bin/sh", "-c", script], check=True)
    watch.next_tick()
    watch.stop()
    ended = {
        (row["pid"], row["start_ns"]): row
        for tick in watch.ticks()
        for row in tick["processes"]
        if row["comm"] == name and row["exited"]
    }
    assert len(ended) == 1000
    counts = sorted(row["minor_total"] for row in ended.values())
    # each touches the same handful of pages; a merged pair would stand out as twice the median
    assert counts[-1] < 1.5 * counts[500]
    assert counts[0] > 0.5 * counts[500]
    balanced(watch.ticks())


def test_a_followed_command_stands_beside_its_own_usage(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    script = "for i in 1 2 3 4 5 6 7; do /bin/true; done; exit 3"
    run = subprocess.run(
        [sys.executable, "-m", "pftop", "-J", "-o", str(out), "--", "/bin/sh", "-c", script],
        cwd=ROOT,
        timeout=DEADLINE_S,
        check=False,
    )
    assert run.returncode == 3
    objects = [json.loads(line) for line in out.read_text().splitlines()]
    end, last = objects[-1], objects[-2]
    assert (end["type"], end["reason"], end["command"]["status"]) == ("end", "command", 3)
    assert end["totals"]["minor"] == sum(row["minor_total"] for row in last["processes"])
    assert sum(row["comm"] == "true" for row in last["processes"]) == 7
    # wait4 also has faults done on behalf of the kernel's own access (get_user_pages): a few an exec
    unseen = end["command"]["wait4_minflt"] - end["totals"]["minor"]
    assert 0 <= unseen <= 8 * 10
    assert end["command"]["wait4_majflt"] == end["totals"]["major"]


@pytest.mark.parametrize("pftop", PLANS, indirect=True)
def test_a_process_that_goes_before_the_reader_looks_keeps_its_faults(build: Build, pftop: Watch) -> None:
    watch = pftop()
    watch.ready()
    with subprocess.Popen([build("touch"), "5003", "3"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        child.communicate(b"go\n" * 8)
    watch.next_tick()
    watch.stop()
    final = [row for row in watch.rows(child.pid) if row["exited"]]
    assert len(final) >= 1
    assert final[0]["minor_total"] >= 5003
    assert final[0]["minor_total"] < 5003 + 500
