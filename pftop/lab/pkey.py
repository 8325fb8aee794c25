"""Memory protection keys."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import PAGE, READ, WRITE, libc, map_area, read_all, write_all
from pftop.lab.workload import Job, Run, Unavailable, Workload

PKEY_MPROTECT, PKEY_ALLOC = 329, 330
DISABLE_ACCESS = 1


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    if os.uname().machine != "x86_64":
        raise Unavailable("protection keys are made on x86-64 only")
    key = libc.syscall(PKEY_ALLOC, 0, DISABLE_ACCESS)
    if key < 0:
        raise Unavailable(f"no protection keys on this CPU or kernel (pkey_alloc: {os.strerror(ctypes.get_errno())})")
    area = job.keep(map_area(PAGE))
    write_all(area)
    libc.syscall(PKEY_MPROTECT, ctypes.c_size_t(area.start), ctypes.c_size_t(area.length), READ | WRITE, key)
    yield lambda: read_all(area)


WORKLOAD = Workload(
    name="pkey",
    title="A protection key in the way",
    explains=(
        "Pages can carry a key, and a register of each thread says what may be done with pages of that key: rights "
        "can be taken and given back without a system call. An access against it is SIGSEGV, code SEGV_PKUERR, "
        "although the mapping allows it."
    ),
    cause="pkey",
    kind="invalid",
    access="read",
    exact=1,
    at_least=1,
    needs=("pkey",),
    prepare=_prepare,
)
