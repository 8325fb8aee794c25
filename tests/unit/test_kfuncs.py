"""Calls of kernel functions put into compiled programs, and taken out again."""

from __future__ import annotations

import ctypes

import pytest

from pftop.source import kfuncs
from tests.unit.test_btf import FUNC, FUNC_PROTO, Blob

FIRST = 0x7F000000
EXIT = (0x95, 0, 0, 0)


def program(*instructions: tuple[int, int, int, int]) -> ctypes.Array[ctypes.c_uint8]:
    text = b"".join(kfuncs.INSTRUCTION.pack(*one) for one in instructions)
    return (ctypes.c_uint8 * len(text)).from_buffer_copy(text)


def instructions(code: ctypes.Array[ctypes.c_uint8]) -> list[tuple[int, int, int, int]]:
    return list(kfuncs.INSTRUCTION.iter_unpack(bytes(code)))


def call(number: int, kind: int = 0) -> tuple[int, int, int, int]:
    return 0x85, kind, 0, number


@pytest.fixture
def code() -> ctypes.Array[ctypes.c_uint8]:
    """Calls a helper, the second and the first function, and moves the first one's number into a register."""
    move = 0xB7, 1, 0, FIRST
    return program(call(14), call(FIRST + 1), move, call(FIRST), call(FIRST + 2), call(FIRST - 1), EXIT)


def test_only_calls_of_the_numbers_are_found(code: ctypes.Array[ctypes.c_uint8]) -> None:
    assert kfuncs.calls(code, FIRST, 2) == {8: 1, 24: 0}
    assert kfuncs.calls(code, FIRST, 3) == {8: 1, 24: 0, 32: 2}


def test_calls_become_calls_by_type_id(code: ctypes.Array[ctypes.c_uint8]) -> None:
    before = instructions(code)
    kfuncs.call(code, {8: 1, 24: 0}, (64264, 64267))
    assert instructions(code) == [
        before[0],
        call(64267, 0x20),
        before[2],
        call(64264, 0x20),
        *before[4:],
    ]


def test_refused_calls_return_nothing(code: ctypes.Array[ctypes.c_uint8]) -> None:
    before = instructions(code)
    kfuncs.refuse(code, {8: 1})
    assert instructions(code) == [before[0], (0xB7, 0, 0, 0), *before[2:]]


def kernel(*names: str) -> Blob:
    blob = Blob()
    of = blob.add(FUNC_PROTO)
    for name in names:
        blob.add(FUNC, name, of)
    return blob


def test_ids_are_those_of_the_kernels_own_types() -> None:
    assert kfuncs.ids_of(kernel("other", *kfuncs.FIND_VMA).read()) == (3, 4, 5)


def test_a_kernel_that_lacks_one_has_none() -> None:
    assert kfuncs.ids_of(kernel(*kfuncs.FIND_VMA[:2]).read()) == ()
    assert kfuncs.ids_of(None) == ()
