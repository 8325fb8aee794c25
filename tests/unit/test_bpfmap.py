"""Reading a BPF hash map whole, while the kernel side goes on putting elements into it."""

from __future__ import annotations

import ctypes
import errno
from typing import Any

import numpy as np
import pytest

from pftop.events import SourceError
from pftop.source.bpfmap import SLACK, BulkMap

CAPACITY = 8


class FakeLibbcc:
    """Hands out elements in rounds; a round that does not fit is refused as the kernel refuses it."""

    def __init__(self, rounds: list[list[int]], refusal: int = 0) -> None:
        self.rounds, self.refusal = rounds, refusal

    def bpf_lookup_and_delete_batch(
        self, fd: int, after: Any, cursor: Any, keys: Any, values: Any, count: Any
    ) -> int:
        room = count._obj.value
        count._obj.value = 0
        if self.refusal or (self.rounds and len(self.rounds[0]) > room):
            ctypes.set_errno(self.refusal or errno.ENOSPC)
            return -1
        found = np.array(self.rounds.pop(0), np.uint64)
        ctypes.memmove(keys, found.ctypes.data, found.nbytes)
        ctypes.memmove(values, (found * 2).ctypes.data, found.nbytes)
        count._obj.value = len(found)
        if not self.rounds:
            ctypes.set_errno(errno.ENOENT)
            return -1
        return 0


def read(lib: FakeLibbcc) -> list[tuple[int, int]]:
    found = BulkMap(lib, 3, np.dtype("<u8"), np.dtype("<u8"), CAPACITY).read(delete=True)
    return list(zip(*(array.tolist() for array in found), strict=True))


def test_all_rounds_make_one_reading() -> None:
    assert read(FakeLibbcc([[1, 2], [3]])) == [(1, 2), (2, 4), (3, 6)]


def test_what_came_faster_than_it_was_read_is_left_for_the_next_reading() -> None:
    room = CAPACITY + SLACK
    lib = FakeLibbcc([list(range(room - 1)), [7, 8], [9]])
    assert len(read(lib)) == room - 1
    assert read(lib) == [(7, 14), (8, 16), (9, 18)]


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOSPC])
def test_a_refusal_is_explained(code: int) -> None:
    with pytest.raises(SourceError, match="reading a BPF map failed"):
        read(FakeLibbcc([], refusal=code))
