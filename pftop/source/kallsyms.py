"""Owns the names of the kernel's own functions, from ``/proc/kallsyms``, in arrays."""

from __future__ import annotations

import re
from array import array
from pathlib import Path

import numpy as np

FUNCTION = re.compile(rb"^([0-9a-f]{1,16}) [tTwW] (\S+)", re.MULTILINE)
CHUNK_BYTES = 1 << 16
FARTHEST = 1 << 20
"""No function is longer; what lies farther in is code of something without symbols."""


class KernelNames:
    """Read when first asked: that takes some tenths of a second."""

    def __init__(self, path: Path = Path("/proc/kallsyms")) -> None:
        addresses, places, names = array("Q"), array("I"), bytearray()
        rest = b""
        try:
            with path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    whole, _, rest = (rest + chunk).rpartition(b"\n")
                    for address, name in FUNCTION.findall(whole):
                        addresses.append(int(address, 16))
                        places.append(len(names))
                        names += name + b"\0"
        except OSError:
            pass
        starts = np.frombuffer(addresses, np.uint64) if addresses else np.zeros(0, np.uint64)
        order = np.argsort(starts, kind="stable")
        # all are 0 where the kernel hides them
        order = order[starts[order] != 0]
        self._starts = starts[order]
        self._places = np.frombuffer(places, np.uint32)[order] if places else np.zeros(0, np.uint32)
        self._names = bytes(names)

    def find(self, address: int) -> tuple[bytes, int] | None:
        """The function and how far in; None where there is none."""
        at = int(np.searchsorted(self._starts, np.uint64(address), side="right")) - 1
        if at < 0 or address - int(self._starts[at]) >= FARTHEST:
            return None
        place = int(self._places[at])
        return self._names[place : self._names.index(b"\0", place)], address - int(self._starts[at])
