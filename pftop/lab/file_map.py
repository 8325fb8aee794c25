"""File pages that are in the page cache already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.files import require_device, scratch_file
from pftop.lab.memory import PAGE, READ, SHARED, map_area, read_all, unmap
from pftop.lab.workload import Job, Run, Workload

AROUND = 16
"""Pages the kernel maps at once around a fault on a cached file (fault_around_bytes, 64 KiB)."""


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    require_device(job)
    with scratch_file(job, job.count * AROUND) as fd:
        length = job.count * AROUND * PAGE
        area = job.keep(map_area(length, READ, SHARED, fd, align=AROUND * PAGE))
        # this one is not kept: it is locked with the rest of the process, and the cached pages with it
        other = map_area(length, READ, SHARED, fd)
        yield lambda: read_all(area)
        unmap(other)
        unmap(area)


WORKLOAD = Workload(
    name="file-map",
    title="A mapped file that is cached",
    explains=(
        "The file's pages are in memory, in the page cache, but this process has no mapping of them yet. "
        "The kernel only has to enter them in the page table, and does so for 16 pages around the fault at once. "
        "Starting a program is mostly this."
    ),
    cause="file-map",
    kind="minor",
    access="read",
    exact=509,
    at_least=509,
    needs=("device",),
    prepare=_prepare,
)
