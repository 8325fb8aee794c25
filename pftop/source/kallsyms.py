"""Owns the names of the kernel's own functions, from ``/proc/kallsyms``."""

from __future__ import annotations

import re
import zlib
from array import array
from bisect import bisect_right
from pathlib import Path

import numpy as np

FUNCTION = re.compile(rb"^([0-9a-f]{1,16}) [tTwW] (\S+)", re.MULTILINE)
CHUNK_BYTES = 1 << 16
FARTHEST = 1 << 20
"""No function is longer; what lies farther in is code of something without symbols."""


class KernelNames:
    """Read when first asked: that takes some tenths of a second.

    The names stay compressed, by the chunk they were read in: of some 100,000 few are ever asked for.
    """

    def __init__(self, path: Path = Path("/proc/kallsyms")) -> None:
        addresses, self._firsts, self._names = array("Q"), array("I"), list[bytes]()
        rest = b""
        try:
            with path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    whole, _, rest = (rest + chunk).rpartition(b"\n")
                    if functions := FUNCTION.findall(whole):
                        self._firsts.append(len(addresses))
                        addresses.extend(int(address, 16) for address, _ in functions)
                        self._names.append(zlib.compress(b"\0".join(name for _, name in functions), 1))
        except OSError:
            pass
        starts = np.frombuffer(addresses, np.uint64) if addresses else np.zeros(0, np.uint64)
        order = np.argsort(starts, kind="stable")
        # all are 0 where the kernel hides them
        order = order[starts[order] != 0]
        self._starts, self._order = starts[order], order.astype(np.uint32)

    def find(self, address: int) -> tuple[bytes, int] | None:
        """The function and how far in; None where there is none."""
        at = int(np.searchsorted(self._starts, np.uint64(address), side="right")) - 1
        if at < 0 or address - int(self._starts[at]) >= FARTHEST:
            return None
        number = int(self._order[at])
        chunk = bisect_right(self._firsts, number) - 1
        names = zlib.decompress(self._names[chunk]).split(b"\0")
        return names[number - self._firsts[chunk]], address - int(self._starts[at])
