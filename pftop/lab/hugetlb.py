"""Reserved huge pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pftop.lab.memory import ANONYMOUS, HUGETLB, PRIVATE, READ, WRITE, map_area, unmap, write_all
from pftop.lab.workload import Job, Run, Unavailable, Workload


def _facts() -> tuple[int, int]:
    """Free pages, and the size of one in bytes."""
    figures = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(figures.get("HugePages_Free", "0")) - int(figures.get("HugePages_Rsvd", "0"))
    return free, int(figures.get("Hugepagesize", "0 kB").split()[0]) * 1024


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    free, size = _facts()
    if free < job.count:
        raise Unavailable(
            f"{free} huge pages are free, {job.count} needed: echo {job.count} >/proc/sys/vm/nr_hugepages"
        )
    area = job.keep(map_area(job.count * size, READ | WRITE, PRIVATE | ANONYMOUS | HUGETLB, align=size))
    yield lambda: write_all(area)
    unmap(area)


WORKLOAD = Workload(
    name="hugetlb",
    title="Reserved huge pages (hugetlbfs)",
    explains=(
        "Huge pages can be set aside at start or by vm.nr_hugepages, and mapped with MAP_HUGETLB or from hugetlbfs. "
        "They are sure to be there, are never swapped, and each takes one fault on its first touch."
    ),
    cause="hugetlb",
    kind="minor",
    access="write",
    exact=7,
    at_least=7,
    needs=("hugetlb",),
    prepare=_prepare,
)
