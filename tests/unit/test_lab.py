"""The lab's data: every workload says what to expect, in names that pftop uses, and runs its protocol."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pftop import causes
from pftop.lab.catalogue import BY_NAME, WORKLOADS
from pftop.lab.memory import PAGE, Area, map_area, read_all, resident, unmap, write_all
from pftop.lab.workload import Workload

ROOT = Path(__file__).resolve().parents[2]
NEEDS = {"root", "swap", "hugetlb", "thp", "userfaultfd", "device", "pkey", "hwpoison"}
# made by no program at will: told apart by no plan, or only by a machine that runs out of memory
NOT_MADE = {"unknown", "numa", "oom"}


def run(name: str, *arguments: str, lines: str = "go\ngo\n") -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pftop.lab", name, *arguments]
    return subprocess.run(argv, cwd=ROOT, input=lines, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("work", WORKLOADS, ids=lambda work: work.name)
def test_the_expectation_is_whole(work: Workload) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", work.name)
    assert work.cause in causes.NUMBER
    assert work.perf_cause in (None, "", *causes.NAMES)
    assert (work.cause in causes.INVALID) == (work.kind in ("invalid", "failed"))
    assert work.at_least > 0
    assert work.exact in (None, work.at_least)
    assert set(work.needs) <= NEEDS
    assert 2 <= len(re.findall(r"[.:?] |[.]$", work.explains)) <= 5
    assert work.title[0].isupper()


def test_every_cause_that_can_be_made_is_made() -> None:
    assert {work.cause for work in WORKLOADS} == set(causes.NAMES) - NOT_MADE
    assert len(BY_NAME) == len(WORKLOADS)


def test_another_count_changes_the_expectation() -> None:
    changed = BY_NAME["first-touch"].with_count(7)
    assert (changed.exact, changed.at_least) == (7, 7)
    assert BY_NAME["bad-pointer"].with_count(7).at_most == 14
    assert BY_NAME["lock-fight"].with_count(7).exact is None
    assert BY_NAME["null"].with_count(7).exact == 1


@pytest.mark.parametrize("name", ["first-touch", "zero-page", "cow", "stack", "shmem"])
def test_the_runner_tells_exactly_what_was_asked_for(name: str) -> None:
    done = run(name, "211")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["ready", "done 211 0"]


def test_an_invalid_access_kills() -> None:
    done = run("null")
    assert done.returncode == -11
    assert done.stdout == "ready\n"


def test_what_cannot_be_made_says_why_in_one_line() -> None:
    done = run("file-read", "--dir", "/dev/shm")
    assert done.returncode == 4
    assert done.stdout == "unavailable: files in /dev/shm stay in memory: name a folder on a device with --dir\n"
    done = run("shared-write", "--dir", "/nowhere")
    assert (done.returncode, done.stdout) == (
        4,
        "unavailable: no file can be made in /nowhere: No such file or directory\n",
    )


def test_an_area_is_fresh_alone_and_touched_in_whole() -> None:
    area = map_area(3 * PAGE)
    assert resident(area) == 0
    read_all(area)
    write_all(area)
    assert resident(area) == 3
    unmap(area)


def test_areas_overlap_by_addresses_alone() -> None:
    area = Area(100, 10)
    assert area.overlaps(109, 200)
    assert area.overlaps(0, 101)
    assert not area.overlaps(110, 200)
    assert not area.overlaps(0, 100)
