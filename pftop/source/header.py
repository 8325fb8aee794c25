"""Owns reading ``bpf/fault.h``: its numbers, enums and structs, never written down twice.

The header keeps to a restricted form; a line this reader does not understand is an error, not a guess. It works
without numpy, so that the compiler can be at work while that is still being imported.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

SCALARS = {"char": 1, "u8": 1, "u16": 2, "u32": 4, "u64": 8, "s32": 4, "s64": 8}
"""Sizes, which are alignments too."""
MEMBER = re.compile(r"^(?:struct\s+)?(\w+)\s+(\w+)(?:\[(\w+)\])?;$")
DEFINE = re.compile(r"^#define\s+(\w+)(?:\s+(\w+))?$")
ENUMERATOR = re.compile(r"^(\w+)\s*=\s*(\d+),$")


class HeaderError(ValueError):
    """The header holds something this reader does not understand."""


class Member(NamedTuple):
    """One of a struct: its type, a scalar's or another struct's name, and how many if it is an array, else 0."""

    name: str
    kind: str
    length: int


class Struct(NamedTuple):
    """Members in order, and what they come to as C lays them out, in bytes."""

    members: tuple[Member, ...]
    size: int
    alignment: int


class Header:
    """The numbers, enums and structs of a wire header."""

    def __init__(self, text: str) -> None:
        """Read a header's text; raises HeaderError naming the first line that is not understood."""
        self.numbers: dict[str, int] = {}
        self.enums: dict[str, dict[str, int]] = {}
        self.structs: dict[str, Struct] = {}
        self._read(re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))

    def _read(self, text: str) -> None:
        lines = iter([line.strip() for line in text.splitlines() if line.strip()])
        for line in lines:
            if line.startswith(("#ifndef", "#endif")):
                continue
            if define := DEFINE.match(line):
                if define[2]:
                    self.numbers[define[1]] = int(define[2], 0)
            elif head := re.match(r"^(struct|enum)\s+(\w+)\s*\{$", line):
                body = []
                for inner in lines:
                    if inner == "};":
                        break
                    body.append(inner)
                (self._struct if head[1] == "struct" else self._enum)(head[2], body)
            else:
                raise HeaderError(f"not understood: {line!r}")

    def _enum(self, name: str, body: list[str]) -> None:
        values = {}
        for line in body:
            match = ENUMERATOR.match(line)
            if not match:
                raise HeaderError(f"enum {name}: not understood: {line!r}")
            values[match[1]] = int(match[2])
        self.enums[name] = values

    def _struct(self, name: str, body: list[str]) -> None:
        members, size, widest = [], 0, 1
        for line in body:
            match = MEMBER.match(line)
            if not match:
                raise HeaderError(f"struct {name}: not understood: {line!r}")
            kind, member, length = match[1], match[2], match[3]
            if (kind not in SCALARS and kind not in self.structs) or (kind == "char" and not length):
                raise HeaderError(f"struct {name}: type {kind!r} of {member} is not known")
            count = self._number(length) if length else 0
            one, alignment = self._extent(kind)
            size = _aligned(size, alignment) + one * (count or 1)
            widest = max(widest, alignment)
            members.append(Member(member, kind, count))
        self.structs[name] = Struct(tuple(members), _aligned(size, widest), widest)

    def _extent(self, kind: str) -> tuple[int, int]:
        if kind in SCALARS:
            return SCALARS[kind], SCALARS[kind]
        return self.structs[kind].size, self.structs[kind].alignment

    def _number(self, text: str) -> int:
        return self.numbers[text] if text in self.numbers else int(text, 0)


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def bpf_dir() -> Path:
    """Where the C sources are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_bpf"
    return installed if installed.is_dir() else package.parent / "bpf"


@cache
def header() -> Header:
    """``bpf/fault.h``, read once."""
    return Header((bpf_dir() / "fault.h").read_text())
