"""Faults that user space answers itself."""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import PAGE, Area, libc, map_area, unmap, write_all
from pftop.lab.workload import Job, Run, Unavailable, Workload

USERFAULTFD = {"x86_64": 323, "aarch64": 282, "riscv64": 282}
API, REGISTER, COPY = 0xC018AA3F, 0xC020AA00, 0xC028AA03
MISSING = 1
MESSAGE_BYTES, ADDRESS_AT = 32, 16
DELAY_S = 0.001


def _open() -> int:
    number = USERFAULTFD.get(os.uname().machine)
    if number is None:
        raise Unavailable(f"the number of userfaultfd(2) on {os.uname().machine} is not known here")
    fd = int(libc.syscall(number, os.O_CLOEXEC))
    if fd < 0:
        raise Unavailable(f"userfaultfd(2): {os.strerror(ctypes.get_errno())}")
    fcntl.ioctl(fd, API, struct.pack("QQQ", 0xAA, 0, 0))
    return fd


def _serve(fd: int, source: Area, left: int) -> None:
    """Answer so many faults, each after a delay, by a copy of the page at source."""
    while left:
        (address,) = struct.unpack_from("Q", os.read(fd, MESSAGE_BYTES), ADDRESS_AT)
        time.sleep(DELAY_S)
        fcntl.ioctl(fd, COPY, struct.pack("QQQQq", address & -PAGE, source.start, PAGE, 0, 0))
        left -= 1


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    fd = _open()
    try:
        area, source = job.keep(map_area(job.count * PAGE)), map_area(PAGE)
        write_all(source)
        fcntl.ioctl(fd, REGISTER, struct.pack("QQQQ", area.start, area.length, MISSING, 0))
        server = threading.Thread(target=_serve, args=(fd, source, job.count), daemon=True)
        server.start()
        yield lambda: write_all(area)
        server.join()
        unmap(area)
    finally:
        os.close(fd)


WORKLOAD = Workload(
    name="userfault",
    title="Faults answered by user space",
    explains=(
        "With userfaultfd a program takes over the faults on a range: the kernel sends it a message, the faulting "
        "thread sleeps, and goes on when the program has supplied the page. Live migration of virtual machines and "
        "snapshots work like this. The latency is the program's: here it waits a millisecond before each answer."
    ),
    cause="userfault",
    kind="either",
    access="write",
    exact=101,
    at_least=101,
    latency_floor_ns=1_000_000,
    needs=("userfaultfd",),
    perf_cause="first-touch",
    prepare=_prepare,
)
