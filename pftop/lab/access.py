"""Writes to read-only memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import PAGE, READ, libc, map_area, write_all
from pftop.lab.workload import Job, Run, Workload


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    area = job.keep(map_area(PAGE))
    write_all(area)
    libc.mprotect(area.start, area.length, READ)
    yield lambda: write_all(area)


WORKLOAD = Workload(
    name="access",
    title="A write to read-only memory",
    explains=(
        "The page is there, the mapping says read-only: constants, code, and what mprotect made so. "
        "The kernel sends SIGSEGV with code SEGV_ACCERR: the address was right, the access was not."
    ),
    cause="access",
    kind="invalid",
    access="write",
    exact=1,
    at_least=1,
    prepare=_prepare,
)
