"""Faults the kernel does on behalf of somebody else's access."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import PAGE, map_area, unmap, write_all
from pftop.lab.workload import Job, Run, Unavailable, Workload

PROCESS_VM_READV = {"x86_64": 310, "aarch64": 270, "riscv64": 270}


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    number = PROCESS_VM_READV.get(os.uname().machine)
    if number is None:
        raise Unavailable(f"the number of process_vm_readv(2) on {os.uname().machine} is not known here")
    area, target = job.keep(map_area(job.count * PAGE)), map_area(job.count * PAGE)
    write_all(target)
    vectors = (ctypes.c_size_t * 4)(target.start, target.length, area.start, area.length)
    at = ctypes.addressof(vectors)
    call = ctypes.CDLL(None).syscall
    call.restype, call.argtypes = ctypes.c_long, (ctypes.c_long,) * 7
    yield lambda: call(number, os.getpid(), at, 1, at + 16, 1, 0)
    unmap(target)
    unmap(area)


WORKLOAD = Workload(
    name="remote",
    title="Pages fetched by the kernel (get_user_pages)",
    explains=(
        "Direct I/O, vmsplice, io_uring, KVM, debuggers and process_vm_readv reach user memory through the kernel, "
        "which brings missing pages in without any trap of the processor. The kernel counts them in min_flt and "
        "maj_flt of the thread that asked, but perf and the exception tracepoints see nothing."
    ),
    cause="remote",
    kind="minor",
    access="read",
    exact=2_003,
    at_least=2_003,
    perf_cause="",
    prepare=_prepare,
)
