"""Owns the wire format in Python: numpy types of the structs of ``bpf/fault.h``, and arrays of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pftop.events import Records, Threads
from pftop.source.header import Header, header

SCALARS = {"u8": "u1", "u16": "<u2", "u32": "<u4", "u64": "<u8", "s32": "<i4", "s64": "<i8"}


def dtype_of(source: Header, name: str) -> np.dtype[Any]:
    """The numpy type of a struct of a header."""
    fields: list[Any] = []
    for member, kind, count in source.structs[name].members:
        if kind == "char":
            fields.append((member, f"S{count}"))
            continue
        element: Any = SCALARS.get(kind) or dtype_of(source, kind)
        fields.append((member, element, (count,)) if count else (member, element))
    # align=True lays members out as C does, tail padding included
    return np.dtype(fields, align=True)


@cache
def dtype(name: str) -> np.dtype[Any]:
    """The numpy type of a struct of ``bpf/fault.h``."""
    return dtype_of(header(), name)


def empty(name: str, count: int = 0) -> Records:
    """An array of ``count`` zeroed records."""
    return np.zeros(count, dtype(name))


def no_threads() -> Threads:
    """Of no thread at all."""
    return Threads(empty("thread_record"), empty("thread_rare"))


def decode(parts: Sequence[npt.NDArray[np.uint8]], name: str) -> Records:
    """Records from parts of one or more rows of bytes, a record each."""
    return np.frombuffer(b"".join(part.tobytes() for part in parts), dtype(name))
