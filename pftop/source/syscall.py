"""Owns straight system calls, for what neither libbcc nor Python has a function for."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

SYSCALL_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280}
SYSCALL_MEMBARRIER = {"x86_64": 324, "aarch64": 283, "riscv64": 283}
GLOBAL_EXPEDITED = 1 << 1
"""``MEMBARRIER_CMD_*``: the private one does nothing for a process of a single thread."""


def bpf(number: int, command: int, attributes: bytes) -> int:
    """The file descriptor of a bpf(2) call by the system call's number on this machine; raises OSError."""
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    return _call(number, ctypes.c_int(command), buffer, ctypes.c_uint(len(attributes)))


def membarrier(number: int) -> Callable[[], None]:
    """Keeps memory accesses before it apart from those behind it, by membarrier(2); raises OSError.

    The kernel's own barriers, at its beginning and its end, are what is wanted (kernel/sched/membarrier.c).
    """

    def barrier() -> None:
        _call(number, ctypes.c_int(GLOBAL_EXPEDITED), ctypes.c_uint(0), ctypes.c_int(0))

    barrier()
    return barrier


def _call(number: int, *arguments: Any) -> int:
    found = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments)
    if found < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(found)
