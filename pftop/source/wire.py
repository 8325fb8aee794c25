"""Owns the wire format in Python: numpy types read from ``bpf/fault.h``, never written down twice.

The header keeps to a restricted form; a line this reader does not understand is an error, not a guess.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pftop.events import Records, Threads

SCALARS = {"u8": "u1", "u16": "<u2", "u32": "<u4", "u64": "<u8", "s32": "<i4", "s64": "<i8"}
MEMBER = re.compile(r"^(?:struct\s+)?(\w+)\s+(\w+)(?:\[(\w+)\])?;$")
DEFINE = re.compile(r"^#define\s+(\w+)(?:\s+(\w+))?$")
ENUMERATOR = re.compile(r"^(\w+)\s*=\s*(\d+),$")


class WireError(ValueError):
    """The header holds something this reader does not understand."""


class Header:
    """The numbers, enums and structs of a wire header."""

    def __init__(self, text: str) -> None:
        """Read a header's text; raises WireError naming the first line that is not understood."""
        self.numbers: dict[str, int] = {}
        self.enums: dict[str, dict[str, int]] = {}
        self.structs: dict[str, np.dtype[Any]] = {}
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
                raise WireError(f"not understood: {line!r}")

    def _enum(self, name: str, body: list[str]) -> None:
        values = {}
        for line in body:
            match = ENUMERATOR.match(line)
            if not match:
                raise WireError(f"enum {name}: not understood: {line!r}")
            values[match[1]] = int(match[2])
        self.enums[name] = values

    def _struct(self, name: str, body: list[str]) -> None:
        fields: list[Any] = []
        for line in body:
            match = MEMBER.match(line)
            if not match:
                raise WireError(f"struct {name}: not understood: {line!r}")
            kind, member, length = match[1], match[2], match[3]
            count = self._number(length) if length else 0
            if kind == "char" and count:
                fields.append((member, f"S{count}"))
                continue
            element: Any = self.structs.get(kind) or SCALARS.get(kind)
            if element is None:
                raise WireError(f"struct {name}: type {kind!r} of {member} is not known")
            fields.append((member, element, (count,)) if count else (member, element))
        # align=True lays members out as C does, tail padding included
        self.structs[name] = np.dtype(fields, align=True)

    def _number(self, text: str) -> int:
        return self.numbers[text] if text in self.numbers else int(text, 0)


def bpf_dir() -> Path:
    """Where the C sources are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_bpf"
    return installed if installed.is_dir() else package.parent / "bpf"


@cache
def header() -> Header:
    """``bpf/fault.h``, read once."""
    return Header((bpf_dir() / "fault.h").read_text())


def dtype(name: str) -> np.dtype[Any]:
    """The numpy type of a struct of ``bpf/fault.h``."""
    return header().structs[name]


def empty(name: str, count: int = 0) -> Records:
    """An array of ``count`` zeroed records."""
    return np.zeros(count, dtype(name))


def no_threads() -> Threads:
    """Of no thread at all."""
    return Threads(empty("thread_record"), empty("thread_rare"))


def decode(chunks: list[bytes], name: str) -> Records:
    """Records from as many byte strings, of one record each."""
    return np.frombuffer(b"".join(chunks), dtype(name))
