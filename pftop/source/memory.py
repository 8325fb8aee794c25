"""Owns how the C heap grows, and giving back what compiling took: the compiler is needed once, and is most of pftop.

Clang and LLVM stay mapped because libbcc links them. Dropping their code pages is safe: they are never
written, so any use reads them again from the page cache. Their data pages must stay: those were relocated.
"""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

MADV_DONTNEED = 4
M_ARENA_MAX = -8
"""glibc's malloc.h."""
COMPILER_LIBRARIES = ("libLLVM", "libclang")


def share_heaps() -> None:
    """Have threads that start from now on share the heaps there are.

    glibc gives each its own, to go without locks that Python's makes superfluous; what one frees the others cannot
    use: it makes the live view under load 4 MB larger and has it grow for longer. Not for the compiler, which would
    take 0.1 s more.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_ARENA_MAX, 1)


def compiler_code(maps: str) -> list[tuple[int, int]]:
    """Address ranges of the compiler libraries' code, from the text of ``/proc/self/maps``."""
    ranges = []
    for line in maps.splitlines():
        fields = line.split(None, 5)
        if len(fields) == 6 and fields[1] == "r-xp" and Path(fields[5]).name.startswith(COMPILER_LIBRARIES):
            start, end = (int(part, 16) for part in fields[0].split("-"))
            ranges.append((start, end))
    return ranges


def release_compiler_memory(maps: Path = Path("/proc/self/maps")) -> None:
    """Drop the compiler's code pages and the C heap's free ones; about 70 MB less RSS."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        ranges = compiler_code(maps.read_text(errors="replace"))
    except OSError:
        return
    for start, end in ranges:
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED)
    gc.collect()
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
