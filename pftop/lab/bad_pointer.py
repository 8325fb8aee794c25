"""Bad pointers handed to a system call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import libc
from pftop.lab.workload import Job, Run, Workload

BAD = 0x10


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    reader, writer = os.pipe()
    os.write(writer, b"x")
    turns = range(job.count)

    def run() -> None:
        for _ in turns:
            libc.read(reader, BAD, 1)

    yield run
    os.close(reader)
    os.close(writer)


WORKLOAD = Workload(
    name="bad-pointer",
    title="A bad pointer given to a system call",
    explains=(
        "The kernel itself runs into the fault while it copies for read(2). It does not die and sends no signal: "
        "the copy stops and the call returns EFAULT. No counter of the kernel has these; pftop shows them as failed. "
        "Some kernels try the copy once more, byte by byte, and fault twice."
    ),
    cause="null",
    kind="failed",
    access="write",
    exact=None,
    at_least=101,
    at_most=202,
    prepare=_prepare,
)
