"""Mappings: places found in bulk are those found one by one, and a line becomes an object only when looked at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pftop.mappings import NO_MAPPINGS, Mappings, MemoryMapping
from pftop.text import Safe

TOP = 2**64 - 1


def of(*ranges: tuple[int, int]) -> Mappings:
    return Mappings.of([MemoryMapping(start, end, "rw-p", 0, Safe("[anon]")) for start, end in ranges])


@st.composite
def ranges(draw: st.DrawFn) -> list[tuple[int, int]]:
    edges = sorted(draw(st.sets(st.integers(0, TOP), max_size=40)))
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False)]


@given(ranges(), st.lists(st.integers(0, TOP), max_size=8))
def test_an_address_has_the_mapping_it_lies_in(found: list[tuple[int, int]], others: list[int]) -> None:
    mappings = of(*found)
    addresses = others + [
        edge + step for pair in found for edge in pair for step in (-1, 0, 1) if 0 <= edge + step <= TOP
    ]
    at, inside = mappings.place(np.array(addresses, np.uint64))
    for address, index, has in zip(addresses, at.tolist(), inside.tolist(), strict=True):
        wanted = next((pair for pair in found if pair[0] <= address < pair[1]), None)
        one = mappings.find(address)
        assert (one and (one.start, one.end)) == wanted
        assert has == (wanted is not None)
        if wanted is not None:
            assert found[index] == wanted
        assert mappings.below(address) == sum(start <= address for start, _ in found) - 1


def test_they_are_a_sequence() -> None:
    mappings = of((1, 2), (3, 4), (5, 6))
    assert [mapping.start for mapping in mappings] == [1, 3, 5]
    assert [mapping.start for mapping in mappings[1:]] == [3, 5]
    assert mappings[-1].start == 5
    assert len(mappings) == 3
    with pytest.raises(IndexError):
        mappings[3]
    assert not NO_MAPPINGS
    assert NO_MAPPINGS.find(0) is None


def test_only_those_looked_at_are_made() -> None:
    made: list[int] = []

    def make(at: int) -> MemoryMapping:
        made.append(at)
        return MemoryMapping(at, at + 1, "rw-p", 0, Safe("[anon]"))

    numbers = np.arange(20_000, dtype=np.uint64)
    mappings = Mappings(numbers, numbers + np.uint64(1), make)
    mappings.place(numbers)
    assert not made
    assert mappings.find(777)
    assert mappings.find(777) is mappings[777]
    assert made == [777]
