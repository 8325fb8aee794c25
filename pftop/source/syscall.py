"""Owns straight system calls, for what neither libbcc nor Python has a function for."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

SYSCALL_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280}
SYSCALL_MEMBARRIER = {"x86_64": 324, "aarch64": 283, "riscv64": 283}
PRIVATE_EXPEDITED, REGISTER_PRIVATE_EXPEDITED = 1 << 3, 1 << 4
"""``MEMBARRIER_CMD_*``."""


def bpf(number: int, command: int, attributes: bytes) -> int:
    """The file descriptor of a bpf(2) call by the system call's number on this machine; raises OSError."""
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    return _call(number, ctypes.c_int(command), buffer, ctypes.c_uint(len(attributes)))


def membarrier(number: int) -> Callable[[], None]:
    """Keeps memory accesses before it apart from those behind it, by membarrier(2); raises OSError."""
    _call(number, ctypes.c_int(REGISTER_PRIVATE_EXPEDITED), ctypes.c_uint(0), ctypes.c_int(0))

    def barrier() -> None:
        _call(number, ctypes.c_int(PRIVATE_EXPEDITED), ctypes.c_uint(0), ctypes.c_int(0))

    return barrier


def _call(number: int, *arguments: Any) -> int:
    found = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments)
    if found < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(found)
