"""Transparent huge pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pftop.lab.memory import HUGEPAGE, advise, map_area, unmap, write_all
from pftop.lab.workload import Job, Run, Unavailable, Workload

SYSFS = Path("/sys/kernel/mm/transparent_hugepage")


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    if not SYSFS.exists() or "[never]" in (SYSFS / "enabled").read_text():
        raise Unavailable(f"transparent huge pages are off ({SYSFS}/enabled)")
    size = int((SYSFS / "hpage_pmd_size").read_text())
    area = job.keep(map_area(job.count * size, align=size))
    advise(area, HUGEPAGE)
    yield lambda: write_all(area)
    unmap(area)


WORKLOAD = Workload(
    name="huge",
    title="Transparent huge pages",
    explains=(
        "Where a mapping may have huge pages and a free one is at hand, one fault maps 2 MiB instead of 4 KiB: "
        "512 times fewer faults, each dearer as more memory must be cleared. "
        "If no huge page is free, the kernel quietly falls back to small ones."
    ),
    cause="huge",
    kind="minor",
    access="write",
    exact=17,
    at_least=17,
    needs=("thp",),
    perf_cause="first-touch",
    prepare=_prepare,
)
