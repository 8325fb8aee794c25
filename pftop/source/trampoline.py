"""Owns trying whether the kernel lets a BPF trampoline be attached: the smallest fentry program, for real.

Compiling the whole plan to learn that takes half a second; this takes a millisecond. Straight system calls:
libbcc has none that loads two instructions.
"""

from __future__ import annotations

import ctypes
import os
import struct

from pftop.source import syscall

BPF_PROG_LOAD, BPF_RAW_TRACEPOINT_OPEN = 5, 17
PROG_TYPE_TRACING, TRACE_FENTRY = 26, 24
RETURN_ZERO = struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0)
"""r0 = 0; exit"""
LOG_BYTES = 4096


def _load_attributes(function_id: int, code: int, license_: int, log: int) -> bytes:
    """The part of ``union bpf_attr`` that loading needs, up to attach_btf_id; pointers as numbers."""
    head = struct.pack("<IIQQ", PROG_TYPE_TRACING, len(RETURN_ZERO) // 8, code, license_)
    logging = struct.pack("<IIQ", 1, LOG_BYTES, log)
    # kern_version, prog_flags, name, ifindex, expected_attach_type
    named = struct.pack("<II16sII", 0, 0, b"pftop_try", 0, TRACE_FENTRY)
    # prog_btf_fd, then func_info and line_info, which are not given: size, pointer, count each
    debug = struct.pack("<IIQIIQI", 0, 0, 0, 0, 0, 0, 0)
    return head + logging + named + debug + struct.pack("<I", function_id)


def try_fentry(function_id: int, arch: str) -> str | None:
    """Attach an empty program to a kernel function by its BTF id, and detach it; returns why that failed."""
    number = syscall.SYSCALL_BPF.get(arch)
    if number is None:
        return f"the bpf system call's number on {arch} is not known"
    code = ctypes.create_string_buffer(RETURN_ZERO, len(RETURN_ZERO))
    license_ = ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(LOG_BYTES)
    places = (ctypes.addressof(buffer) for buffer in (code, license_, log))
    try:
        program = syscall.bpf(number, BPF_PROG_LOAD, _load_attributes(function_id, *places))
    except OSError as error:
        return f"loading an fentry program: {error.strerror}"
    try:
        os.close(syscall.bpf(number, BPF_RAW_TRACEPOINT_OPEN, struct.pack("<QI4x", 0, program)))
    except OSError as error:
        return f"attaching a BPF trampoline: {error.strerror}"
    finally:
        os.close(program)
    return None
