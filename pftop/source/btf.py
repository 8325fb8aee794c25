"""Owns the reading of the running kernel's BTF: where members of kernel structs lie, and how large they are.

Only what pftop needs of the format (Documentation/bpf/btf.rst): structs, unions, integers, pointers and
the modifiers between them. Nothing here is specific to page faults.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

VMLINUX = Path("/sys/kernel/btf/vmlinux")

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FUNC, ENUM64 = 1, 2, 3, 4, 5, 6, 12, 19
MODIFIERS = frozenset({8, 9, 10, 11, 18})
"""TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG: looked through."""
TRAILING_BYTES = {INT: 4, ARRAY: 12, 14: 4, 17: 4}
"""What follows a type's 12-byte head: INT, ARRAY, VAR, DECL_TAG."""
BYTES_PER_MEMBER = {STRUCT: 12, UNION: 12, ENUM: 8, 13: 8, 15: 12, ENUM64: 12}
"""STRUCT, UNION, ENUM, FUNC_PROTO, DATASEC, ENUM64: times the number of members."""


class BtfError(ValueError):
    """The data is not BTF, or lacks what was asked for."""


@dataclass(frozen=True, slots=True)
class Member:
    """Where a member lies in its struct, in bytes."""

    offset: int
    size: int


class Btf:
    """The types of one BTF blob. Reading it walks every type once: some 0.05 s for a kernel."""

    def __init__(self, data: bytes) -> None:
        """Index the blob; raises BtfError when it is not little-endian BTF version 1."""
        if len(data) < 24:
            raise BtfError("too short for a BTF header")
        magic, version, _flags, header, type_off, type_len, str_off, str_len = struct.unpack_from("<HBBIIIII", data)
        if magic != 0xEB9F or version != 1:
            raise BtfError(f"magic {magic:#x} version {version}, want 0xeb9f version 1")
        self._data = data
        self._strings = data[header + str_off : header + str_off + str_len]
        if header + max(type_off + type_len, str_off + str_len) > len(data):
            raise BtfError("cut short")
        self._offsets = _offsets_of_types(data, header + type_off, header + type_off + type_len)

    @classmethod
    def of_kernel(cls, path: Path = VMLINUX) -> Btf:
        """The running kernel's; raises OSError where it has none."""
        return cls(path.read_bytes())

    def _head(self, index: int) -> tuple[int, int, int, int]:
        """Kind, member count, size or referred type, and the flag bit of a type."""
        _name, info, size = struct.unpack_from("<III", self._data, self._offsets[index])
        return (info >> 24) & 31, info & 0xFFFF, size, info >> 31

    def _name(self, offset: int) -> str:
        return self._strings[offset : self._strings.index(b"\0", offset)].decode()

    def has_name(self, name: str) -> bool:
        """Whether any type, function, member or enumerator of the kernel is called this."""
        return b"\0" + name.encode() + b"\0" in self._strings

    def size_of(self, index: int) -> int:
        """Bytes a type takes; 0 for what has no size (functions, void)."""
        kind, _count, size, _flag = self._head(index) if index else (0, 0, 0, 0)
        if kind in MODIFIERS:
            return self.size_of(size)
        if kind == PTR:
            return 8
        if kind == ARRAY:
            element, _index, count = struct.unpack_from("<III", self._data, self._offsets[index] + 12)
            return int(count) * self.size_of(element)
        return size if kind in (INT, STRUCT, UNION, ENUM, ENUM64) else 0

    def _walk(self, index: int, base: int, found: dict[str, Member]) -> None:
        """Collect members of a struct or union, those of anonymous ones inside it included."""
        kind, count, size, flag = self._head(index)
        if kind in MODIFIERS:
            self._walk(size, base, found)
        if kind not in (STRUCT, UNION):
            return
        at = self._offsets[index] + 12
        for i in range(count):
            name, member_type, bits = struct.unpack_from("<III", self._data, at + 12 * i)
            offset = base + (bits & 0xFFFFFF if flag else bits) // 8
            text = self._name(name) if name else ""
            if text:
                found.setdefault(text, Member(offset, self.size_of(member_type)))
            else:
                self._walk(member_type, offset, found)

    def _named(self, name: str, wanted: int) -> Iterator[int]:
        """Indices of the types of a kind that are called this, found by the bytes they must begin with."""
        at = self._strings.find(b"\0" + name.encode() + b"\0") + 1
        if not at:
            return
        needle, place = struct.pack("<I", at), self._offsets[1] - 1
        while (place := self._data.find(needle, place + 1)) >= 0:
            index = bisect_left(self._offsets, place)
            if index == len(self._offsets):
                return
            if self._offsets[index] == place and self._head(index)[0] == wanted:
                yield index

    def function_id(self, name: str) -> int | None:
        """The type id of a kernel function, by which BPF programs attach to it."""
        return next(self._named(name, FUNC), None)

    def enum(self, name: str) -> dict[str, int]:
        """Names and values of an enum; empty when the kernel has none of this name."""
        for index in self._named(name, ENUM):
            place, count = self._offsets[index] + 12, self._head(index)[1]
            pairs = (struct.unpack_from("<II", self._data, place + 8 * i) for i in range(count))
            return {self._name(label): value for label, value in pairs}
        return {}

    def members(self, wanted: Mapping[str, Iterable[str]]) -> dict[str, dict[str, Member]]:
        """The named members of the named structs; what the kernel does not have is left out."""
        result: dict[str, dict[str, Member]] = {}
        for name, members in wanted.items():
            # the first: to look for another of the name takes longer than all else
            if (index := next(self._named(name, STRUCT), None)) is None:
                continue
            found: dict[str, Member] = {}
            self._walk(index, 0, found)
            result[name] = {m: found[m] for m in members if m in found}
        return result


def _offsets_of_types(data: bytes, start: int, end: int) -> list[int]:
    """Where each type begins; types are numbered from 1."""
    words = memoryview(data)[start : end - (end - start) % 4].cast("I")
    fixed = [3 + TRAILING_BYTES.get(kind, 0) // 4 for kind in range(32)]
    each = [BYTES_PER_MEMBER.get(kind, 0) // 4 for kind in range(32)]
    offsets, at, last = [0], 0, len(words) - 2
    while at < last:
        offsets.append(start + 4 * at)
        info = words[at + 1]
        kind = (info >> 24) & 31
        at += fixed[kind] + each[kind] * (info & 0xFFFF)
    return offsets


def declare(name: str, members: Mapping[str, Member]) -> str:
    """C text of a struct with just these members, at their true offsets; the rest is padding.

    Members of 1, 2, 4 and 8 bytes become unsigned integers, others byte arrays; pointers become u64.
    """
    lines, at = [f"struct {name} {{"], 0
    for number, (member, place) in enumerate(sorted(members.items(), key=lambda item: item[1].offset)):
        if place.offset > at:
            lines.append(f"\tchar pad{number}_[{place.offset - at}];")
        kind = {1: "u8", 2: "u16", 4: "u32", 8: "u64"}.get(place.size)
        lines.append(f"\t{kind} {member};" if kind else f"\tchar {member}[{place.size}];")
        at = place.offset + place.size
    # aligned: as what is merely packed may stand anywhere, a member would be loaded byte by byte
    return "\n".join([*lines, "} __attribute__((packed, aligned(8)));", ""])
