"""First writes to anonymous memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import PAGE, map_area, unmap, write_all
from pftop.lab.workload import Job, Run, Workload


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    area = job.keep(map_area(job.count * PAGE))
    yield lambda: write_all(area)
    unmap(area)


WORKLOAD = Workload(
    name="first-touch",
    title="First touch of new memory",
    explains=(
        "mmap and malloc promise memory but give none: the page table stays empty. The first write to each page "
        "traps, the kernel clears a page, maps it and lets the write go on. "
        "This is the commonest fault there is; each page pays it once."
    ),
    cause="first-touch",
    kind="minor",
    access="write",
    exact=10_007,
    at_least=10_007,
    prepare=_prepare,
)
