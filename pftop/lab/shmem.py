"""Shared memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import ANONYMOUS, PAGE, READ, SHARED, WRITE, map_area, unmap, write_all
from pftop.lab.workload import Job, Run, Workload


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    area = job.keep(map_area(job.count * PAGE, READ | WRITE, SHARED | ANONYMOUS))
    yield lambda: write_all(area)
    unmap(area)


WORKLOAD = Workload(
    name="shmem",
    title="First touch of shared memory",
    explains=(
        "tmpfs, memfd, System V segments and shared anonymous memory are all files that live in memory only. "
        "A first touch allocates a page of that file, which every process that maps it then sees; "
        "each of them still faults once a page to map it."
    ),
    cause="shmem",
    kind="minor",
    access="write",
    exact=3_001,
    at_least=3_001,
    prepare=_prepare,
)
