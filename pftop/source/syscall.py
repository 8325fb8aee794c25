"""Owns straight calls of bpf(2), for what libbcc has no function for."""

from __future__ import annotations

import ctypes
import os

SYSCALL_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280}


def bpf(number: int, command: int, attributes: bytes) -> int:
    """The file descriptor of a bpf(2) call by the system call's number on this machine; raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    found = libc.syscall(ctypes.c_long(number), ctypes.c_int(command), buffer, ctypes.c_uint(len(attributes)))
    if found < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(found)
