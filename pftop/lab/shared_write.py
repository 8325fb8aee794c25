"""Writes to a shared file mapping."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.files import require_device, scratch_file
from pftop.lab.memory import PAGE, READ, SHARED, WRITE, map_area, read_all, unmap, write_all
from pftop.lab.workload import Job, Run, Workload


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    require_device(job)
    with scratch_file(job, job.count) as fd:
        area = job.keep(map_area(job.count * PAGE, READ | WRITE, SHARED, fd))
        read_all(area)
        yield lambda: write_all(area)
        unmap(area)


WORKLOAD = Workload(
    name="shared-write",
    title="Writing to a mapped file",
    explains=(
        "The pages are mapped already, but read-only: the kernel must learn which ones get dirty. "
        "So the first write to each traps, the file system is told (it may have to reserve blocks), and the page "
        "becomes writable. After each write-back it is made read-only again, and traps again."
    ),
    cause="shared-write",
    kind="minor",
    access="write",
    exact=1_009,
    at_least=1_009,
    needs=("device",),
    prepare=_prepare,
)
