"""Stacks by number, and never another fault's: a map that is read slowly, emptied and filled again."""

from __future__ import annotations

import ctypes
import errno
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from pftop.source.header import header
from pftop.source.stacks import MARGIN_NS, Stacks
from tests.unit.fake_kernel import make_event

LOOKUP_NS = 700


@dataclass
class Map:
    """The kernel's map and its clock: an element's first frames, by number."""

    now_ns: int = 10**9
    kept: dict[int, tuple[int, ...]] = field(default_factory=dict)
    lookups: int = 0

    def clock(self) -> int:
        return self.now_ns

    def bpf_lookup_elem(self, fd: int, key: Any, value: Any) -> int:
        self.lookups += 1
        self.now_ns += LOOKUP_NS
        number = ctypes.cast(key, ctypes.POINTER(ctypes.c_uint32))[0]
        if number not in self.kept:
            return -1
        frames = np.array(self.kept[number], np.uint64)
        ctypes.memmove(value, frames.ctypes.data, frames.nbytes)
        return 0

    def bpf_delete_elem(self, fd: int, key: Any) -> int:
        return 0 if self.kept.pop(key._obj.value, None) else -1


@pytest.fixture
def kernel() -> Map:
    return Map(kept={3: (0x10, 0x20), header().numbers["PFTOP_STACKS"] - 1: (0x30,)})


@pytest.fixture
def stacks(kernel: Map) -> Stacks:
    return Stacks(kernel, 5, kernel.clock)


def fill(kernel: Map, stacks: Stacks, why: int) -> None:
    """A fault for whose stack there was no room."""
    stacks.look(make_event(stack_id=3))
    stacks.look(make_event(stack_id=-why))


def test_a_stack_is_read_once_and_has_no_empty_frames(kernel: Map, stacks: Stacks) -> None:
    assert [stacks.read(3, 1000) for _ in range(4)] == [(0x10, 0x20)] * 4
    assert kernel.lookups == 1


@pytest.mark.parametrize("number", [-errno.EFAULT, -1, 4])
def test_where_there_is_none_there_is_none(stacks: Stacks, number: int) -> None:
    assert stacks.read(number, 1000) == ()


@pytest.mark.parametrize("why", [errno.EEXIST, errno.ENOMEM])
def test_room_is_made_when_there_was_none(kernel: Map, stacks: Stacks, why: int) -> None:
    fill(kernel, stacks, why)
    stacks.forget()
    assert not kernel.kept
    kernel.kept[3] = (0x40,)
    stacks.forget()
    assert kernel.kept


@pytest.mark.parametrize("number", [3, -1, -errno.EFAULT])
def test_nothing_is_thrown_away_while_there_is_room(kernel: Map, stacks: Stacks, number: int) -> None:
    stacks.look(make_event(stack_id=number))
    stacks.forget()
    assert len(kernel.kept) == 2


def test_a_number_given_away_again_is_only_the_new_faults(kernel: Map, stacks: Stacks) -> None:
    before = kernel.now_ns
    assert stacks.read(3, before - 2 * MARGIN_NS) == (0x10, 0x20)
    fill(kernel, stacks, errno.EEXIST)
    stacks.forget()
    kernel.kept[3] = (0x40,)
    # logged before, drained after
    assert stacks.read(3, before) == ()
    assert stacks.read(3, kernel.now_ns + 2 * MARGIN_NS) == (0x40,)


def test_one_put_where_another_is_just_being_read_is_not_that_ones(kernel: Map, stacks: Stacks) -> None:
    begun = kernel.now_ns
    assert stacks.read(3, begun) == (0x10, 0x20)
    assert stacks.read(3, begun + LOOKUP_NS // 2) == ()
    assert stacks.read(3, begun + LOOKUP_NS + 2 * MARGIN_NS) == (0x10, 0x20)
    assert stacks.read(3, begun - 2 * MARGIN_NS) == (0x10, 0x20)
