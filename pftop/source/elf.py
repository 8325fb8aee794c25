"""Owns the function symbols of an ELF file: addresses read once into arrays, names from the file when one is wanted.

The file is anybody's: every number in it is checked against the file and a bound, and it is read, never mapped,
for a mapped file that is cut short raises SIGBUS.
"""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_SYMBOLS, MAX_NAME_BYTES, MAX_HEADERS = 500_000, 4096, 4096
NESTED = 16
"""Symbols to look back over: a function may lie inside another."""
IDENT = b"\x7fELF\x02\x01"
PT_LOAD, SYMTAB, DYNSYM, STT_FUNC, STT_GNU_IFUNC = 1, 2, 11, 2, 10
SEGMENT = np.dtype(
    [("type", "<u4"), ("flags", "<u4")] + [(n, "<u8") for n in ("offset", "vaddr", "p", "size", "m", "a")]
)
SECTION = np.dtype(
    [
        *[("name", "<u4"), ("type", "<u4"), ("flags", "<u8"), ("addr", "<u8"), ("offset", "<u8"), ("size", "<u8")],
        *[("link", "<u4"), ("info", "<u4"), ("align", "<u8"), ("entsize", "<u8")],
    ]
)
SYMBOL = np.dtype(
    [("name", "<u4"), ("info", "u1"), ("other", "u1"), ("shndx", "<u2"), ("value", "<u8"), ("size", "<u8")]
)
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class SymbolTable:
    """Functions in address order, and where the file's parts are loaded."""

    segments: Array
    starts: Array
    sizes: Array
    names: Array
    """File offsets."""

    def find(self, offset: int) -> tuple[int, int] | None:
        """Of the function a file offset lies in: where its name stands in the file, and how far in it is."""
        if not 0 <= offset < 2**64:
            return None
        # all at once: there may be thousands, and any sum of two may be too large for 64 bits
        place, begins = np.uint64(offset), self.segments["offset"]
        inside = np.flatnonzero((begins <= place) & (place - begins < self.segments["size"]))
        if not len(inside):
            return None
        segment = self.segments[inside[0]]
        return self._at(offset - int(segment["offset"]) + int(segment["vaddr"]))

    def _at(self, address: int) -> tuple[int, int] | None:
        last = int(np.searchsorted(self.starts, np.uint64(min(address, 2**64 - 1)), side="right")) - 1
        for at in range(last, max(last - NESTED, -1), -1):
            inside = address - int(self.starts[at])
            if inside < int(self.sizes[at]) or inside == 0:
                return int(self.names[at]), inside
        return None


def read_name(fd: int, at: int) -> bytes:
    """The name that stands at this place of the file; empty where it cannot be read."""
    try:
        return os.pread(fd, MAX_NAME_BYTES, at).partition(b"\0")[0]
    except (OSError, OverflowError):
        return b""


def read_symbols(fd: int) -> SymbolTable | None:
    """The function symbols of an open file; None where it is no 64-bit little-endian ELF file or has none."""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        head = os.pread(fd, 64, 0)
        if len(head) < 64 or not head.startswith(IDENT):
            return None
        segments_at, sections_at = struct.unpack_from("<QQ", head, 32)
        counts = struct.unpack_from("<HHHH", head, 54)
        if (counts[0], counts[2]) != (SEGMENT.itemsize, SECTION.itemsize) or max(counts) > MAX_HEADERS:
            return None
        segments = _array(fd, segments_at, counts[1], SEGMENT)
        sections = _array(fd, sections_at, counts[3], SECTION)
        for kind in (SYMTAB, DYNSYM):
            # there is one of each at most; a file made up by somebody may say so of thousands
            for section in sections[sections["type"] == kind][:1]:
                found = _table(fd, segments[segments["type"] == PT_LOAD], sections, section)
                if found is not None:
                    return found
    except (OSError, OverflowError, ValueError, struct.error):
        return None
    return None


def _array(fd: int, offset: int, count: int, kind: np.dtype[Any]) -> Array:
    """So many records; raises ValueError where the file has fewer."""
    return np.frombuffer(_bytes(fd, offset, count * kind.itemsize), kind)


def _bytes(fd: int, offset: int, size: int) -> bytes:
    if offset >= 2**63 or offset + size > os.fstat(fd).st_size:
        raise ValueError("beyond the end of the file")
    data = os.pread(fd, size, offset)
    if len(data) < size:
        raise ValueError("the file was cut short")
    return data


def _table(fd: int, segments: Array, sections: Array, section: Any) -> SymbolTable | None:
    """The functions of one symbol section, if it has any and is not too large."""
    count, link = int(section["size"]) // SYMBOL.itemsize, int(section["link"])
    if not 0 < count <= MAX_SYMBOLS or link >= len(sections):
        return None
    strings_at, strings_size = int(sections[link]["offset"]), int(sections[link]["size"])
    if strings_at + strings_size > os.fstat(fd).st_size:
        return None
    symbols = _array(fd, int(section["offset"]), count, SYMBOL)
    kind = symbols["info"] & 15
    wanted = ((kind == STT_FUNC) | (kind == STT_GNU_IFUNC)) & (symbols["value"] != 0)
    symbols = symbols[wanted & (symbols["name"] < strings_size)]
    if not len(symbols):
        return None
    symbols = symbols[np.argsort(symbols["value"], kind="stable")]
    starts = np.ascontiguousarray(symbols["value"])
    sizes = np.minimum(symbols["size"], 2**32 - 1).astype(np.uint32)
    return SymbolTable(segments.copy(), starts, sizes, symbols["name"].astype(np.uint64) + np.uint64(strings_at))
