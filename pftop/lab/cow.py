"""Copy-on-write after fork."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import PAGE, map_area, unmap, write_all
from pftop.lab.workload import Job, Run, Workload


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    area = job.keep(map_area(job.count * PAGE))
    write_all(area)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    try:
        yield lambda: write_all(area)
    finally:
        os.close(writer)
        os.waitpid(child, 0)
        unmap(area)


WORKLOAD = Workload(
    name="cow",
    title="Copy-on-write after fork",
    explains=(
        "fork copies no memory: parent and child share every page, read-only, until one of them writes. "
        "That write traps although the page is present, and the kernel copies it for the writer. "
        "A large process that forks, as databases do for a snapshot, then pays for every page it changes."
    ),
    cause="cow",
    kind="minor",
    access="write",
    exact=5_003,
    at_least=5_003,
    prepare=_prepare,
)
