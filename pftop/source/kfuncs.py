"""Owns the calls of kernel functions (kfuncs) in compiled programs, which BCC's compiler does not know how to make.

In the C text they are helpers of numbers that no helper has. Before a program is loaded these calls are turned into
calls by BTF type id (Documentation/bpf/kfuncs.rst), or, where the kernel would not have them, into a refusal.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence

from pftop.source.btf import Btf

FIND_VMA = ("bpf_iter_task_vma_new", "bpf_iter_task_vma_next", "bpf_iter_task_vma_destroy")
"""In the order of their numbers in ``bpf/mapping.c``."""
CALL, MOVE_NUMBER = 0x85, 0xB7
"""BPF_JMP|BPF_CALL and BPF_ALU64|BPF_MOV|BPF_K (include/uapi/linux/bpf.h)."""
BY_TYPE_ID = 2 << 4
"""BPF_PSEUDO_KFUNC_CALL, where other instructions have their source register."""
INSTRUCTION = struct.Struct("<BBhi")


def ids_of(btf: Btf | None, names: Sequence[str] = FIND_VMA) -> tuple[int, ...]:
    """Type ids of kernel functions; empty where the kernel lacks one."""
    found = [btf.function_id(name) for name in names] if btf is not None else [None]
    return tuple(one for one in found if one is not None) if None not in found else ()


def calls(code: ctypes.Array[ctypes.c_uint8], first: int, count: int) -> dict[int, int]:
    """Which of ``count`` functions, numbered from ``first``, is called where: by the offset of the instruction."""
    found = {}
    for at in range(0, len(code), INSTRUCTION.size):
        opcode, _, _, number = INSTRUCTION.unpack_from(code, at)
        if opcode == CALL and first <= number < first + count:
            found[at] = number - first
    return found


def call(code: ctypes.Array[ctypes.c_uint8], places: dict[int, int], ids: Sequence[int]) -> None:
    """Have these calls go to the functions with these type ids."""
    for at, which in places.items():
        INSTRUCTION.pack_into(code, at, CALL, BY_TYPE_ID, 0, ids[which])


def refuse(code: ctypes.Array[ctypes.c_uint8], places: dict[int, int]) -> None:
    """Have these calls return 0: nothing is found."""
    for at in places:
        INSTRUCTION.pack_into(code, at, MOVE_NUMBER, 0, 0, 0)
