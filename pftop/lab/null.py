"""Null pointers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import libc
from pftop.lab.workload import Job, Run, Workload

NULL_MEMBER = 0x10


@contextmanager
def _prepare(_job: Job) -> Iterator[Run]:
    yield lambda: libc.memset(NULL_MEMBER, 1, 1)


WORKLOAD = Workload(
    name="null",
    title="A null pointer",
    explains=(
        "Nothing may be mapped at the lowest addresses (vm.mmap_min_addr), so that a null pointer, or a member of a "
        "structure at null, traps. There is no mapping to serve the fault from: the kernel sends SIGSEGV with "
        "code SEGV_MAPERR, and the process dies."
    ),
    cause="null",
    kind="invalid",
    access="write",
    exact=1,
    at_least=1,
    prepare=_prepare,
)
