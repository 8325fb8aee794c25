"""Causes: one numbering on both sides, the rules of the table, and the same names from maps as from the VMA."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pftop import causes
from pftop.causes import (
    FILE,
    HUGE,
    HUGETLB,
    MAJOR,
    PRESENT,
    REMOTE,
    SHARED,
    SHMEM,
    STACK,
    TRAITS,
    USERFAULT,
    WRITE,
    decide,
)
from pftop.events import Access, FaultKind, ProcessKey
from pftop.mappings import Mappings, MemoryMapping
from pftop.model.attribution import Attribution, traits_of_mapping
from pftop.source import wire
from pftop.source.header import header
from pftop.text import Safe

KEY = ProcessKey(4242, 7)
PAGE = 0x7F00_0000_0000


def test_traits_have_the_numbers_of_the_header() -> None:
    theirs = {name: number for name, number in header().numbers.items() if name.startswith("TRAIT_")}
    assert theirs == {f"TRAIT_{name.removeprefix('TRAIT_')}": getattr(causes, name[6:]) for name in theirs}
    assert len(theirs) == 11
    assert header().numbers["PFTOP_TRAITS"] == TRAITS == 2 * max(theirs.values())


def test_causes_have_the_numbers_of_the_header_and_fit() -> None:
    theirs = header().enums["fault_cause"]
    assert theirs == {f"CAUSE_{name.upper().replace('-', '_')}": n for name, n in causes.NUMBER.items()}
    assert len(causes.CAUSES) <= header().numbers["PFTOP_CAUSES"]


def test_every_cause_has_a_name_of_its_own_and_a_meaning() -> None:
    assert len({cause.name for cause in causes.CAUSES}) == len(causes.CAUSES)
    assert len({cause.short for cause in causes.CAUSES}) == len(causes.CAUSES)
    for cause in causes.CAUSES:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cause.name)
        assert 0 < len(cause.short) <= 5
        assert cause.meaning[0].isupper()
        assert cause.meaning.endswith(".")
        assert len(cause.meaning) > 20
    assert set(causes.NAMES) > causes.INVALID


def test_the_table_covers_every_combination_and_never_says_invalid() -> None:
    table = causes.table()
    assert len(table) == TRAITS
    assert {causes.NAMES[number] for number in table}.isdisjoint(causes.INVALID)
    assert list(table) == [causes.NUMBER[decide(traits)] for traits in range(TRAITS)]


@pytest.mark.parametrize(
    ("arch", "access", "traits", "name"),
    [
        ("x86_64", True, WRITE, "first-touch"),
        ("aarch64", True, WRITE, "unknown"),  # or a copy, were the page there
        ("riscv64", True, WRITE | STACK, "unknown"),
        ("aarch64", True, 0, "unknown"),
        ("aarch64", True, FILE, "file-map"),
        ("aarch64", True, FILE | WRITE, "cow"),
        ("aarch64", True, HUGE | WRITE, "huge"),
        ("aarch64", False, FILE, "unknown"),  # it may have been a write
        ("aarch64", False, MAJOR, "swap-in"),
        ("aarch64", False, FILE | MAJOR, "file-read"),
        ("aarch64", False, SHMEM | SHARED, "shmem"),
        ("x86_64", False, SHMEM, "unknown"),
    ],
)
def test_a_cause_that_hangs_on_what_a_machine_does_not_tell_is_unknown(
    arch: str, access: bool, traits: int, name: str
) -> None:
    assert causes.NAMES[causes.table(causes.untold(arch, access=access))[traits]] == name


@pytest.mark.parametrize(
    ("traits", "name"),
    [
        (WRITE, "first-touch"),
        (0, "zero-page"),
        (WRITE | PRESENT, "cow"),
        (PRESENT, "unknown"),
        (MAJOR, "swap-in"),
        (MAJOR | WRITE | PRESENT, "swap-in"),
        (STACK | WRITE, "stack"),
        (STACK | WRITE | PRESENT, "cow"),
        (STACK | MAJOR, "swap-in"),
        (HUGE | WRITE, "huge"),
        (HUGE, "huge"),
        (FILE, "file-map"),
        (FILE | SHARED, "file-map"),
        (FILE | MAJOR, "file-read"),
        (FILE | MAJOR | WRITE | SHARED, "file-read"),
        (FILE | WRITE, "cow"),
        (FILE | WRITE | PRESENT, "cow"),
        (FILE | WRITE | SHARED, "shared-write"),
        (FILE | WRITE | SHARED | PRESENT, "shared-write"),
        (SHMEM | SHARED | WRITE, "shmem"),
        (SHMEM | SHARED, "shmem"),
        (SHMEM | WRITE, "cow"),
        (SHMEM | SHARED | MAJOR, "swap-in"),
    ],
)
def test_rules(traits: int, name: str) -> None:
    assert decide(traits) == name


@pytest.mark.parametrize(
    ("wins", "over", "name"),
    [
        (REMOTE, TRAITS - 1, "remote"),
        (HUGETLB, TRAITS - 1 - REMOTE, "hugetlb"),
        (USERFAULT, TRAITS - 1 - REMOTE - HUGETLB, "userfault"),
    ],
)
def test_what_wins_over_everything_else(wins: int, over: int, name: str) -> None:
    assert {decide(wins | traits & over) for traits in range(TRAITS)} == {name}


class Mapped:
    """A ProcessLookup that knows one mapping."""

    def __init__(self, mapping: MemoryMapping | None) -> None:
        self._mappings = Mappings.of((mapping,) if mapping else ())

    def mappings(self, _key: ProcessKey) -> Mappings:
        return self._mappings

    def mapping(self, _key: ProcessKey, _address: int) -> MemoryMapping | None:
        return None


def cause_by_maps(mapping: MemoryMapping | None, kind: FaultKind, access: Access, error_code: int) -> str:
    """What a plan without the VMA says of one logged fault in the middle of the mapping."""
    event = np.zeros(1, wire.dtype("fault_event"))
    event["tgid"], event["start_ns"], event["address"] = KEY.pid, KEY.start_ns, PAGE + 0x800
    event["kind"], event["access"], event["error_code"] = kind, access, error_code
    found = Attribution(Mapped(mapping)).complete(event)  # type: ignore[arg-type]
    return causes.NAMES[int(found["cause"][0])]


# name and rights as /proc/PID/maps shows them, and what the kernel side reads from the same VMA
SAME = [
    ("[anon]", "rw-p", 0),
    ("[heap]", "rw-p", 0),
    ("[anon:arena]", "rw-p", 0),
    ("[stack]", "rw-p", STACK),
    ("/usr/lib/libc.so.6", "r-xp", FILE),
    ("/usr/lib/libc.so.6", "rw-p", FILE),
    ("/var/lib/data (deleted)", "rw-s", FILE | SHARED),
    ("/dev/zero (deleted)", "rw-s", SHMEM | SHARED),
    ("/memfd:name (deleted)", "rw-s", SHMEM | SHARED),
    ("/memfd:name (deleted)", "rw-p", SHMEM),
    ("/SYSV00000000 (deleted)", "rw-s", SHMEM | SHARED),
    ("/dev/shm/segment", "rw-s", SHMEM | SHARED),
    ("/anon_hugepage (deleted)", "rw-p", HUGETLB),
    ("/anon_hugepage (deleted)", "rw-s", HUGETLB | SHARED),
    ("/dev/hugepages/file", "rw-s", HUGETLB | SHARED),
]


@pytest.mark.parametrize(("name", "perms", "vma"), SAME)
def test_maps_tell_what_the_vma_does(name: str, perms: str, vma: int) -> None:
    mapping = MemoryMapping(PAGE, PAGE + 0x1000, perms, 0, Safe(name))
    assert decide(traits_of_mapping(mapping)) == decide(vma)
    for kind in (FaultKind.MINOR, FaultKind.MAJOR):
        for access in Access:
            for present in (0, PRESENT):
                traits = vma | present | (MAJOR if kind == FaultKind.MAJOR else 0)
                traits |= WRITE if access == Access.WRITE else 0
                code = (1 if present else 0) | (2 if access == Access.WRITE else 0)
                assert cause_by_maps(mapping, kind, access, code) == decide(traits)


@pytest.mark.parametrize(
    ("hidden", "wider"), [(HUGE | WRITE, "first-touch"), (USERFAULT | WRITE, "first-touch"), (USERFAULT, "zero-page")]
)
def test_what_maps_do_not_show_gets_the_wider_name(hidden: int, wider: str) -> None:
    mapping = MemoryMapping(PAGE, PAGE + 0x1000, "rw-p", 0, Safe("[anon]"))
    access = Access.WRITE if hidden & WRITE else Access.READ
    assert decide(hidden) != wider
    assert cause_by_maps(mapping, FaultKind.MINOR, access, 6 if hidden & WRITE else 4) == wider


def test_no_mapping_no_cause() -> None:
    assert cause_by_maps(None, FaultKind.MINOR, Access.WRITE, 6) == "unknown"
    elsewhere = MemoryMapping(PAGE + 0x1000, PAGE + 0x2000, "rw-p", 0, Safe("[anon]"))
    assert cause_by_maps(elsewhere, FaultKind.MINOR, Access.WRITE, 6) == "unknown"


@pytest.mark.parametrize("kind", [FaultKind.FAILED, FaultKind.INVALID])
def test_failed_and_invalid_ones_are_left_to_the_kernel_side(kind: FaultKind) -> None:
    mapping = MemoryMapping(PAGE, PAGE + 0x1000, "rw-p", 0, Safe("[anon]"))
    assert cause_by_maps(mapping, kind, Access.WRITE, 6) == "unknown"


def test_a_cause_the_kernel_decided_stays() -> None:
    event = np.zeros(1, wire.dtype("fault_event"))
    event["tgid"], event["cause"] = KEY.pid, causes.NUMBER["huge"]
    assert Attribution(Mapped(None)).complete(event)["cause"][0] == causes.NUMBER["huge"]  # type: ignore[arg-type]
