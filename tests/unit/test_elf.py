"""Symbols of ELF files made here: found by file offset; whatever a file claims, nothing raises."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pftop.source.elf import DYNSYM, SYMTAB, SymbolTable, read_name, read_symbols

FUNC, OBJECT, IFUNC = 2, 1, 10
BASE, OFFSET = 0x40_0000, 0x1000
T = TypeVar("T")
Symbol = tuple[str, int, int, int]
"""Name, type, address, size."""


def elf(*tables: tuple[int, list[Symbol]]) -> bytes:
    """A file whose code at offset 0x1000 is loaded at 0x400000, with these symbol tables."""
    segment = struct.pack("<IIQQQQQQ", 1, 5, OFFSET, BASE, BASE, 0x1000, 0x1000, 0x1000)
    body, sections = segment, [bytes(64)]
    for kind, symbols in tables:
        strings, records = b"\0", bytes(24)
        for name, type_, value, size in symbols:
            records += struct.pack("<IBBHQQ", len(strings), type_, 0, 1, value, size)
            strings += name.encode() + b"\0"
        at = 64 + len(body)
        body += records + strings
        link = len(sections) + 1
        sections.append(struct.pack("<IIQQQQIIQQ", 0, kind, 0, 0, at, len(records), link, 0, 8, 24))
        sections.append(struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, at + len(records), len(strings), 0, 0, 1, 0))
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 64 + len(body), 0, 64, 56, 1, 64, len(sections), 0)
    return head + body + b"".join(sections)


class File:
    """A file and its symbols."""

    def __init__(self, data: bytes, directory: Path) -> None:
        self.path = directory / "file"
        self.path.write_bytes(data)
        self.table: SymbolTable | None = self._with(read_symbols)

    def _with(self, what: Callable[[int], T]) -> T:
        fd = os.open(self.path, os.O_RDONLY)
        try:
            return what(fd)
        finally:
            os.close(fd)

    def find(self, offset: int) -> tuple[bytes, int] | None:
        assert self.table is not None
        found = self.table.find(offset)
        return (self._with(lambda fd: read_name(fd, found[0])), found[1]) if found is not None else None


PLAIN = [("outer", FUNC, BASE + 0x10, 0x100), ("inner", FUNC, BASE + 0x20, 0x10), ("data", OBJECT, BASE + 0x40, 8)]
PLAIN += [("chosen", IFUNC, BASE + 0x200, 4), ("bare", FUNC, BASE + 0x300, 0), ("absent", FUNC, 0, 4)]


@pytest.mark.parametrize(
    ("offset", "found"),
    [
        (0x0F, None),
        (0x10, (b"outer", 0)),
        (0x2F, (b"inner", 0xF)),
        (0x30, (b"outer", 0x20)),
        (0x41, (b"outer", 0x31)),
        (0x110, None),
        (0x203, (b"chosen", 3)),
        (0x300, (b"bare", 0)),
        (0x301, None),
        (0xFFF, None),
        (0x1000, None),
        (-1, None),
    ],
)
def test_functions_are_found_by_offset(offset: int, found: tuple[bytes, int] | None, tmp_path: Path) -> None:
    assert File(elf((SYMTAB, PLAIN)), tmp_path).find(OFFSET + offset) == found


def test_of_many_tables_of_a_kind_one_is_read(tmp_path: Path) -> None:
    # else a small file could say so often that there is one that the reader would be busy for minutes
    nothing: tuple[int, list[Symbol]] = (SYMTAB, [("data", OBJECT, BASE, 8)])
    assert File(elf(nothing, (SYMTAB, PLAIN)), tmp_path).table is None
    assert File(elf(nothing, (DYNSYM, PLAIN)), tmp_path).table is not None


def test_the_full_table_goes_before_the_dynamic_one(tmp_path: Path) -> None:
    dynamic = [("exported", FUNC, BASE, 0x1000)]
    both = File(elf((DYNSYM, dynamic), (SYMTAB, PLAIN)), tmp_path)
    assert both.find(OFFSET + 0x10) == (b"outer", 0)
    only = File(elf((DYNSYM, dynamic), (SYMTAB, [("data", OBJECT, BASE, 8)])), tmp_path)
    assert only.find(OFFSET + 0x10) == (b"exported", 0x10)


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"\x7fELF\x01\x01" + bytes(100), bytes(1000), b"#!/bin/sh\n"])
def test_what_is_no_such_file_has_no_symbols(data: bytes, tmp_path: Path) -> None:
    assert File(data, tmp_path).table is None


def test_a_directory_and_a_pipe_have_none(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    folder = os.open(tmp_path, os.O_RDONLY)
    assert read_symbols(reader) is read_symbols(folder) is None
    for fd in (reader, writer, folder):
        os.close(fd)


WHOLE = elf((DYNSYM, [("exported", FUNC, BASE, 0x1000)]), (SYMTAB, PLAIN))


@given(
    st.integers(0, len(WHOLE)),
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8)), max_size=8),
    st.integers(0, 2**64 - 1),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_that_lies_is_read_all_the_same(
    tmp_path: Path, kept: int, lies: list[tuple[int, bytes]], offset: int
) -> None:
    data = bytearray(WHOLE)
    for at, lie in lies:
        data[at : at + len(lie)] = lie
    file = File(bytes(data[:kept] if kept % 2 else data), tmp_path)
    if file.table is not None:
        for place in (offset, OFFSET, OFFSET + 0x10, OFFSET + 0x20):
            file.find(place)
