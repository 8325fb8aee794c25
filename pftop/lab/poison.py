"""Memory with a hardware error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import HWPOISON, PAGE, advise, map_area, read_all, write_all
from pftop.lab.workload import Job, Run, Unavailable, Workload


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    area = job.keep(map_area(PAGE))
    write_all(area)
    try:
        advise(area, HWPOISON)
    except OSError as error:
        raise Unavailable(f"no page can be declared broken: {error.strerror}") from error
    yield lambda: read_all(area)


WORKLOAD = Workload(
    name="poison",
    title="A page with a memory error",
    explains=(
        "Memory controllers find bits they cannot correct. The kernel takes the page out of use, and a process that "
        "needs its contents gets SIGBUS, code BUS_MCEERR_AR. Here madvise(MADV_HWPOISON) says so of a good page, "
        "which is lost to the machine until it starts anew."
    ),
    cause="poison",
    kind="invalid",
    access="read",
    exact=1,
    at_least=1,
    needs=("root", "hwpoison"),
    prepare=_prepare,
)
