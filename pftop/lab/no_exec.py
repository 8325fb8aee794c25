"""Running data."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import PAGE, map_area, write_all
from pftop.lab.workload import Job, Run, Workload


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    area = job.keep(map_area(PAGE))
    write_all(area)
    function = ctypes.CFUNCTYPE(None)(area.start)
    yield lambda: function()


WORKLOAD = Workload(
    name="no-exec",
    title="A jump into data",
    explains=(
        "The processor is sent to an address whose mapping holds data and forbids execution. "
        "Once this was how a buffer overflow took over a program; now it ends in SIGSEGV with code SEGV_ACCERR. "
        "The faulting address and the instruction pointer are the same."
    ),
    cause="access",
    kind="invalid",
    access="exec",
    exact=1,
    at_least=1,
    prepare=_prepare,
)
