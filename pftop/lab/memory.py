"""Owns the system calls of the lab: memory mapped, touched and given away by single calls into C.

Python's own faults must not blur the counts, so each touches a whole range in one call of libc, with integers
for arguments, and ``settle`` makes every other page of the process present and writable beforehand.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass

PAGE = mmap.PAGESIZE
READ, WRITE, EXEC = mmap.PROT_READ, mmap.PROT_WRITE, mmap.PROT_EXEC
SHARED, PRIVATE, ANONYMOUS = mmap.MAP_SHARED, mmap.MAP_PRIVATE, mmap.MAP_ANONYMOUS
FIXED, HUGETLB = 0x10, 0x40000
RANDOM, DONTNEED, HUGEPAGE, NOHUGEPAGE = 1, 4, 14, 15
PAGEOUT, POPULATE_READ, POPULATE_WRITE, HWPOISON = 21, 22, 23, 100
NEVER_THERE = 255
"""A byte no page of the lab holds: looking for it reads every page."""
ONE_ARENA = (-8, 1)

libc = ctypes.CDLL(None, use_errno=True)
_word, _int = ctypes.c_size_t, ctypes.c_int
libc.mmap.argtypes = (_word, _word, _int, _int, _int, ctypes.c_long)
libc.mmap.restype = _word
libc.munmap.argtypes = (_word, _word)
libc.mprotect.argtypes = libc.madvise.argtypes = (_word, _word, _int)
libc.memset.argtypes = (_word, _int, _word)
libc.memset.restype = _word
libc.memchr.argtypes = (_word, _int, _word)
libc.memchr.restype = _word
libc.read.argtypes = (_int, _word, _word)
libc.mincore.argtypes = (_word, _word, ctypes.c_char_p)
libc.mlock.argtypes = (_word, _word)
libc.syscall.restype = ctypes.c_long


@dataclass(frozen=True, slots=True)
class Area:
    """A range of this process's memory."""

    start: int
    length: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.start + self.length

    def overlaps(self, start: int, end: int) -> bool:
        """Whether it has an address in common with the range."""
        return self.start < end and start < self.end


def check(result: int, what: str) -> int:
    """The result of a C call; OSError when it is -1."""
    if result in (-1, 2**64 - 1):
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def map_area(
    length: int, protection: int = READ | WRITE, flags: int = PRIVATE | ANONYMOUS, fd: int = -1, align: int = PAGE
) -> Area:
    """A new mapping between two guards, so that it never merges with a neighbour; no huge pages unless asked for."""
    align = max(align, PAGE)
    around = check(libc.mmap(0, length + 2 * align, 0, PRIVATE | ANONYMOUS, -1, 0), "mmap")
    start = -(-(around + PAGE) // align) * align
    check(libc.mmap(start, length, protection, flags | FIXED, fd, 0), "mmap")
    libc.madvise(start, length, NOHUGEPAGE)
    return Area(start, length)


def unmap(area: Area) -> None:
    """Give the area back; its guards stay."""
    libc.munmap(area.start, area.length)


def write_all(area: Area) -> None:
    """Write every byte, in one C call."""
    libc.memset(area.start, 1, area.length)


def read_all(area: Area) -> None:
    """Read every byte, in one C call."""
    libc.memchr(area.start, NEVER_THERE, area.length)


def advise(area: Area, advice: int) -> None:
    """madvise, by its number."""
    check(libc.madvise(area.start, area.length, advice), "madvise")


def resident(area: Area) -> int:
    """How many of its pages are in memory: mapped, in the page cache or in the swap cache."""
    vector = ctypes.create_string_buffer(area.length // PAGE)
    check(libc.mincore(area.start, area.length, vector), "mincore")
    return sum(byte & 1 for byte in vector.raw)


def stack_start() -> int:
    """The lowest address of the main thread's stack as it is now."""
    with open("/proc/self/maps") as file:
        return next(int(line.split("-")[0], 16) for line in file if line.rstrip().endswith("[stack]"))


def smaps_kilobytes(area: Area, key: str) -> int:
    """A figure of ``/proc/self/smaps`` of the mapping that starts where the area does."""
    inside = False
    with open("/proc/self/smaps") as file:
        for line in file:
            head = line.split(" ", 1)[0]
            if "-" in head:
                inside = int(head.split("-")[0], 16) == area.start
            elif inside and head == f"{key}:":
                return int(line.split()[1])
    return 0


def settle(keep: Iterable[Area]) -> None:
    """Make all memory of this process but those areas present, writable without a copy, and stay so."""
    keep = tuple(keep)
    for _ in range(2):
        with open("/proc/self/maps") as file:
            lines = file.readlines()
        for line in lines:
            span, rights, *_rest = line.split()
            start, end = (int(part, 16) for part in span.split("-"))
            if rights[0] == "r" and not any(area.overlaps(start, end) for area in keep):
                private = rights[1] == "w" and rights[3] == "p"
                # refused for special mappings, and before Linux 5.14: the warm-up has to do there
                libc.madvise(start, end - start, POPULATE_WRITE if private else POPULATE_READ)
                # refused over ulimit -l: a page may be reclaimed then, and read again by a fault nobody asked for
                libc.mlock(start, end - start)
