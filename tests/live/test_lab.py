"""Every workload of the lab, under the host's best plan: counted as the kernel counts it, named for what it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pftop.lab.catalogue import WORKLOADS
from tests.live.harness import PLANS, Pftop, Program
from tests.live.labs import as_expected, as_named, named_by_maps, named_by_vma, observe

pytestmark = pytest.mark.live

# few, as the causes of this plan come from logged faults
COUNTS = {"huge": 5, "hugetlb": 3} | dict.fromkeys(
    (work.name for work in WORKLOADS if not work.fatal and work.name not in ("huge", "hugetlb")), 101
)
# would take memory from this machine for good
LEFT_OUT = {"poison"}


@pytest.fixture(scope="module")
def watch() -> Iterator[Pftop]:
    watch = Pftop("--events", "--log-rate", "2000")
    watch.ready()
    yield watch
    try:
        watch.stop()
    finally:
        watch.close()


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path.cwd()


@pytest.mark.parametrize("name", [work.name for work in WORKLOADS if work.name not in LEFT_OUT])
def test_the_lab_is_seen_as_it_says(name: str, watch: Pftop, folder: Path, start: Callable[..., Program]) -> None:
    seen = observe(watch, start, name, COUNTS.get(name), folder)
    if seen.unavailable:
        assert seen.workload.needs, "it says it needs nothing"
        assert len(seen.unavailable) > len("unavailable: ")
        return
    workload = seen.workload
    if workload.perf_cause == "":
        # this plan cannot see it at all, while getrusage does
        assert seen.usage == (workload.exact, 0)
        assert sum(seen.sums.values()) == 0
        return
    as_expected(seen)
    named = named_by_vma(seen) if PLANS[0] == "memcg" else named_by_maps(seen)
    as_named(seen, named, sampled=True)


def test_cached_files_stay_cached_until_they_are_counted(folder: Path, start: Callable[..., Program]) -> None:
    program = start(sys.executable, "-m", "pftop.lab", "file-map", "101", "--dir", str(folder))
    said = program.hear()
    if said.startswith("unavailable: "):
        pytest.skip(said)
    # whoever looks after a machine may do this at any time
    Path("/proc/sys/vm/drop_caches").write_text("1\n")
    program.tell()
    assert program.usage() == (101, 0)
