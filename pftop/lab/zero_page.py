"""First reads of anonymous memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import PAGE, map_area, read_all, unmap
from pftop.lab.workload import Job, Run, Workload


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    area = job.keep(map_area(job.count * PAGE))
    yield lambda: read_all(area)
    unmap(area)


WORKLOAD = Workload(
    name="zero-page",
    title="Reading memory never written",
    explains=(
        "A read of anonymous memory that was never written needs no page of its own: the kernel maps the one page "
        "of zeros that all processes share. No memory is used, but the trap is paid all the same, "
        "and the first write to the page will trap again."
    ),
    cause="zero-page",
    kind="minor",
    access="read",
    exact=5_003,
    at_least=5_003,
    prepare=_prepare,
)
