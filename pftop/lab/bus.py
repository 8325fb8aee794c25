"""Past the end of a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import PAGE, READ, SHARED, map_area, read_all
from pftop.lab.workload import Job, Run, Workload


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    fd = os.memfd_create("pftop-lab")
    area = job.keep(map_area(PAGE, READ, SHARED, fd))
    os.close(fd)
    yield lambda: read_all(area)


WORKLOAD = Workload(
    name="bus",
    title="Past the end of a mapped file",
    explains=(
        "The mapping is longer than the file, as when another process truncates it. The address is valid, but no "
        "page of the file is behind it: the kernel sends SIGBUS, code BUS_ADRERR. Failing disks end like this too."
    ),
    cause="bus",
    kind="invalid",
    access="read",
    exact=1,
    at_least=1,
    prepare=_prepare,
)
