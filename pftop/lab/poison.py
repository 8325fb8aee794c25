"""Memory with a hardware error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import (
    ANONYMOUS,
    HWPOISON,
    PAGE,
    READ,
    SHARED,
    WRITE,
    Area,
    advise,
    map_area,
    read_all,
    write_all,
)
from pftop.lab.workload import Job, Run, Unavailable, Workload


def _break(area: Area) -> None:
    """In a child, who is killed for it, as whoever is told of the error first."""
    child = os.fork()
    if child == 0:
        try:
            advise(area, HWPOISON)
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status > 0:
        raise Unavailable(f"no page can be declared broken: {os.strerror(status)}")


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    area = job.keep(map_area(PAGE, READ | WRITE, SHARED | ANONYMOUS))
    write_all(area)
    _break(area)
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
