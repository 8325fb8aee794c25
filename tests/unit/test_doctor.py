"""What ``pftop doctor`` says of memory: maps by the number of threads, rings by the number of CPUs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pftop.doctor import check_machine, ring_bytes
from pftop.source.machine import PAGE_BYTES
from pftop.source.program import limits, map_capacity
from pftop.source.rings import LEAST_RING_PAGES, LOG_RING_BYTES, RETIRED_RING_BYTES
from tests.unit.test_plan import ROOT

MIB = 2**20


def test_two_cpus_share_the_rings_and_each_has_a_page_before_its_own() -> None:
    assert ring_bytes(2) == LOG_RING_BYTES + RETIRED_RING_BYTES + 2 * 2 * PAGE_BYTES


def test_of_many_cpus_each_has_the_least_ring() -> None:
    assert ring_bytes(256) == 256 * 2 * (LEAST_RING_PAGES + 1) * PAGE_BYTES


@pytest.mark.parametrize(("cpus", "threads"), [(2, 500), (256, 65_536)])
def test_the_line_adds_up(cpus: int, threads: int) -> None:
    facts = replace(ROOT, cpus=cpus, threads=threads, memory_bytes=64 * 2**30)
    line = next(check for check in check_machine(facts) if check.name == "kernel memory").value
    capacity = map_capacity(threads)
    maps, rings = sum(limits(capacity).values()), ring_bytes(cpus)
    whole = f"{(maps + rings) / MIB:.0f} MiB, {(maps + rings) / 2**36:.2%} of memory"
    room = f"maps {maps / MIB:.0f} MiB for {capacity} threads ({threads} now)"
    assert line == f"{whole}: {room}, rings {rings / MIB:.0f} MiB for {cpus} CPUs"
