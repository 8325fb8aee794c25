"""Memory given back and used again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import PAGE, map_area, read_all, unmap
from pftop.lab.workload import Job, Run, Workload


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    area = job.keep(map_area(PAGE))
    unmap(area)
    yield lambda: read_all(area)


WORKLOAD = Workload(
    name="unmapped",
    title="Memory used after it was given back",
    explains=(
        "The mapping is gone, the pointer is still there. No mapping covers the address: SIGSEGV, code SEGV_MAPERR. "
        "The nearest mappings on both sides often tell what the address once belonged to."
    ),
    cause="unmapped",
    kind="invalid",
    access="read",
    exact=1,
    at_least=1,
    prepare=_prepare,
)
