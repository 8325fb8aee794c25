"""File pages that have to come from the device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.files import drop_cache, require_dropped, scratch_file
from pftop.lab.memory import PAGE, RANDOM, READ, SHARED, advise, map_area, read_all, unmap
from pftop.lab.workload import Job, Run, Workload


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    with scratch_file(job, job.count) as fd:
        drop_cache(fd)
        area = job.keep(map_area(job.count * PAGE, READ, SHARED, fd))
        # no read-ahead: every page is a fault and a read of its own
        advise(area, RANDOM)
        require_dropped(job, area)
        yield lambda: read_all(area)
        unmap(area)


WORKLOAD = Workload(
    name="file-read",
    title="A mapped file read from its device",
    explains=(
        "The page is not in memory: the kernel starts a read and the thread sleeps until it is done. "
        "That makes the fault major, and thousands of times dearer than a minor one. "
        "Read-ahead usually spares most of them; here it is turned off by madvise(MADV_RANDOM)."
    ),
    cause="file-read",
    kind="major",
    access="read",
    exact=257,
    at_least=257,
    latency_floor_ns=2_000,
    needs=("device",),
    prepare=_prepare,
)
