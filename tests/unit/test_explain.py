"""Owns the proof that a fault's detail says what is known, in the kernel's own names, and guesses soundly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pftop.causes import CAUSES
from pftop.events import Access, FaultKind, PlanInfo
from pftop.mappings import MemoryMapping
from pftop.model.explain import BY_FRAMES, SIGNALS, WORDS, bits, describe, error_code, explain, likely
from pftop.model.snapshot import Frame, LogLine
from pftop.text import Safe
from tests.factories import make_line, make_plan

X86 = {1: "X86_PF_PROT", 2: "X86_PF_WRITE", 4: "X86_PF_USER", 16: "X86_PF_INSTR", 1 << 15: "X86_PF_SGX"}
FLAGS = {1: "FAULT_FLAG_WRITE", 4: "FAULT_FLAG_ALLOW_RETRY", 32: "FAULT_FLAG_TRIED", 64: "FAULT_FLAG_USER"}
RESULTS = {1: "VM_FAULT_OOM", 4: "VM_FAULT_MAJOR", 1 << 14: "VM_FAULT_NEW_ONE"}
PLAN = replace(make_plan("fentry"), bits={"error_code": X86, "fault_flag": FLAGS, "vm_fault": RESULTS})
RISCV = replace(
    make_plan("fentry"), arch="riscv64", bits={"error_code": {}, "fault_flag": FLAGS, "vm_fault": RESULTS}
)

HEAP = MemoryMapping(0x55D0_0000_0000, 0x55D0_0010_0000, "rw-p", 0, Safe("[heap]"))
LIBC = MemoryMapping(0x7F00_0000_0000, 0x7F00_0001_0000, "r--p", 0x28000, Safe("/usr/lib/libc.so.6"))
CODE = MemoryMapping(0x7F08_0000_0000, 0x7F08_0001_0000, "r-xp", 0, Safe("/usr/lib/libc.so.6"))
GUARD = MemoryMapping(0x7F10_0000_0000, 0x7F10_0000_1000, "---p", 0, Safe("[anon]"))
DATA = MemoryMapping(0x7F20_0000_0000, 0x7F20_0000_1000, "rw-p", 0, Safe("[anon]"))
SEALED = MemoryMapping(0x7F30_0000_0000, 0x7F30_0000_1000, "r--p", 0, Safe("[anon]"))
STACK = MemoryMapping(0x7FFD_1000_0000, 0x7FFD_1002_1000, "rw-p", 0, Safe("[stack]"))


def invalid(**fields: Any) -> LogLine:
    """A SIGSEGV with nothing known around it."""
    base = {"kind": FaultKind.INVALID, "signal": 11, "si_code": 1, "cause": "unmapped", "latency_ns": None}
    neighbours = fields.pop("neighbours", (None, None))
    stack = fields.pop("stack", ())
    return replace(make_line(**base | fields), neighbours=neighbours, stack=stack)


def told(line: LogLine, plan: PlanInfo = PLAN) -> dict[str, str]:
    return dict(explain(line, plan))


@pytest.mark.parametrize(
    ("line", "guess"),
    [
        (invalid(cause="null", address=0x18), "a null pointer, and offset 0x18 of a member or element"),
        (invalid(address=0xFFFF_8880_0000_0000), "corrupted pointer"),
        (invalid(address=1 << 47), "corrupted pointer"),
        (invalid(cause="access", si_code=2, address=GUARD.start, mapping=GUARD), "guard page"),
        (invalid(cause="access", si_code=2, address=GUARD.start, mapping=GUARD, access=Access.EXEC), "guard page"),
        (
            invalid(cause="access", si_code=2, mapping=DATA, address=DATA.start, access=Access.EXEC),
            "data was executed",
        ),
        (
            invalid(cause="access", si_code=2, mapping=LIBC, address=LIBC.start, access=Access.WRITE),
            "a constant or code",
        ),
        (
            invalid(cause="access", si_code=2, mapping=SEALED, address=SEALED.start, access=Access.WRITE),
            "read-only memory",
        ),
        (invalid(cause="access", si_code=2, mapping=DATA, address=DATA.start), ""),
        (invalid(cause="access", si_code=2, mapping=None), ""),
        (invalid(cause="bus", signal=7, si_code=2), "shorter than the mapping"),
        (invalid(cause="poison", signal=7, si_code=4), ""),
        (invalid(address=STACK.start - 4096, neighbours=(HEAP, STACK)), "outgrew its limit"),
        (invalid(address=STACK.start - (300 << 20), neighbours=(HEAP, STACK)), "wild or stale"),
        (invalid(address=DATA.end + 8, neighbours=(DATA, None)), "ran past the end of [anon]"),
        (invalid(address=HEAP.end + 8, neighbours=(HEAP, LIBC)), "ran past the end of [heap]"),
        (invalid(address=HEAP.end + 0x9000, neighbours=(HEAP, LIBC)), "ran past the end of the heap"),
        (invalid(address=HEAP.end + (2 << 20), neighbours=(HEAP, LIBC)), "wild or stale"),
        (invalid(address=0x1234_5678, neighbours=(None, HEAP)), "wild or stale"),
        (invalid(address=0x1234_5678), ""),
    ],
)
def test_what_an_invalid_access_most_likely_was(line: LogLine, guess: str) -> None:
    assert guess in likely(line)
    assert bool(likely(line)) is bool(guess)
    assert ("likely" in told(line)) is bool(guess)


def test_a_valid_fault_is_not_guessed_at() -> None:
    facts = told(make_line(cause="file-read", mapping=LIBC, address=LIBC.start + 0x1000, symbol=Safe("read+0x10")))
    assert facts["what"] == "major fault, read in user mode, took 2.1ms"
    assert facts["cause"] == "file-read: a page of a file that had to be read from its device first."
    assert facts["address"] == (
        "0x7f0000001000, 4.0K into /usr/lib/libc.so.6 r--p 0x7f0000000000-0x7f0000010000, 64.0K, file offset 0x29000"
    )
    assert facts["instruction"] == "read+0x10 at 0x55d0c8e1f000"
    assert not {"signal", "likely", "called from", "next below", "next above", "lock wait", "before it"} & set(facts)


def test_what_is_not_known_is_left_out() -> None:
    facts = told(make_line(latency_ns=None, ip=0, cause="unknown", kernel_mode=True, access=Access.WRITE))
    assert facts["what"] == "major fault, write in kernel mode"
    assert "in no mapping that could be read" in facts["address"]
    assert "cause" not in facts
    assert "instruction" not in facts


def test_who_jumped_to_nothing_is_at_address_nought() -> None:
    assert told(invalid(cause="null", address=0, ip=0, access=Access.EXEC, symbol=None))["instruction"] == "0x0"
    assert "instruction" not in told(invalid(cause="null", address=0, ip=0, access=Access.READ))


def test_both_sides_and_how_far_away() -> None:
    facts = told(invalid(address=HEAP.end + 0x9000, neighbours=(HEAP, LIBC)))
    assert facts["address"] == "0x55d000109000, in no mapping"
    assert facts["next below"] == f"36.0K away: {describe(HEAP)}"
    assert facts["next above"].endswith(f"away: {describe(LIBC)}")
    inside = told(invalid(cause="access", si_code=2, address=DATA.start + 1, mapping=DATA, neighbours=(DATA, None)))
    assert "next below" not in inside
    assert inside["address"].startswith("0x7f2000000001, 1B into [anon] rw-p")


def test_what_lies_above_a_null_pointer_tells_nothing() -> None:
    assert "next above" not in told(invalid(cause="null", address=0x10, neighbours=(None, HEAP)))


def test_signals_in_words_and_unknown_ones_as_numbers() -> None:
    for (signal, code), text in SIGNALS.items():
        assert told(invalid(signal=signal, si_code=code))["signal"] == text
    assert told(invalid(signal=11, si_code=99))["signal"] == "signal 11, code 99"


def test_the_stack_without_its_innermost_frame() -> None:
    stack = (Frame(1, Safe("crash+0x1"), None), Frame(0x40, Safe("main+0x2"), CODE), Frame(0x50, None, CODE))
    line = invalid(ip=1, symbol=Safe("crash+0x1"), stack=stack)
    calls = [text for label, text in explain(line, PLAN) if label in ("instruction", "called from", "")]
    called = ["main+0x2 at 0x40 in /usr/lib/libc.so.6", "0x50 in /usr/lib/libc.so.6", BY_FRAMES]
    assert calls == ["crash+0x1 at 0x1", *called]
    assert "no frame pointers" in told(invalid(stack=stack[:1]))["called from"]
    astray = told(invalid(stack=(stack[0], Frame(STACK.start, None, STACK), stack[1])))
    assert "no frame pointers" in astray["called from"]


@pytest.mark.parametrize("garbage", [0x6962_2F3D_4C4C_4548, 0x7F99_0000_0000, 8])
def test_a_return_address_in_no_mapping_ends_the_stack(garbage: int) -> None:
    first, caller = Frame(1, Safe("crash+0x1"), None), Frame(0x40, Safe("main+0x2"), CODE)
    assert "no frame pointers" in told(invalid(stack=(first, Frame(garbage, None, None), caller)))["called from"]
    half = invalid(stack=(first, caller, Frame(garbage, None, None), caller))
    calls = [text for label, text in explain(half, PLAN) if label in ("called from", "")]
    assert calls == ["main+0x2 at 0x40 in /usr/lib/libc.so.6", BY_FRAMES]


def test_one_fault_is_not_many() -> None:
    assert told(make_line(skipped=1))["before it"] == "1 fault on that CPU was not logged"
    assert told(make_line(skipped=2))["before it"] == "2 faults on that CPU were not logged"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0x4, "0x4 (page was not present, user mode)"),
        (0x7, "0x7 (page was present: its rights forbade the access, write, user mode)"),
        (0x0, "0x0 (page was not present)"),
        (0x16, "0x16 (page was not present, write, user mode, instruction fetch)"),
        (0x104, "0x104 (page was not present, user mode, 0x100)"),
    ],
)
def test_error_codes_in_the_kernels_own_names(value: int, text: str) -> None:
    assert error_code(value, X86) == text
    assert told(make_line(error_code=value))["error code"] == text


def test_riscv_has_a_number_and_no_names_of_x86() -> None:
    assert told(make_line(error_code=15), RISCV)["error code"] == "0xf"
    assert told(make_line(error_code=0), RISCV)["error code"] == "0x0"
    assert told(make_line(error_code=7), replace(PLAN, bits={}))["error code"] == "0x7"


def test_bits_without_a_known_name_are_shown_all_the_same() -> None:
    assert bits(1 << 14, RESULTS) == "0x4000 (VM_FAULT_NEW_ONE)"
    assert bits(0x9004, RESULTS) == "0x9004 (had to read the page, 0x9000)"
    assert bits(0, RESULTS) == "0x0"
    assert bits(0x30, {}) == "0x30"
    assert all(name.startswith(("X86_PF_", "FAULT_FLAG_", "VM_FAULT_")) for name in WORDS)


def test_what_handle_mm_fault_was_told_and_said() -> None:
    line = make_line(
        latency_ns=1_000_000,
        lock_wait_ns=250_000,
        vma=(0x1000, 0x3000, 0x3),
        mm_flags=0x61,
        mm_result=4,
        mm_calls=2,
        skipped=1_200,
    )
    facts = told(line)
    assert facts["lock wait"] == "250us, 25.0% of the time it took"
    assert facts["handled"] == "in 2 calls of handle_mm_fault"
    assert facts["mapping"] == "0x1000-0x3000, 8.0K, rights r w"
    assert facts["flags"] == "0x61 (write, tried before, from user mode)"
    assert facts["result"] == "0x4 (had to read the page)"
    assert facts["before it"] == "1.20k faults on that CPU were not logged"
    once = told(replace(line, mm_calls=1, lock_wait_ns=None, vma=(0, 4096, 0), mm_result=0, skipped=0))
    assert once["handled"] == "in 1 call of handle_mm_fault"
    assert (once["lock wait"], once["result"]) == ("-", "0x0")
    assert once["mapping"].endswith("rights none")
    assert "mapping" not in told(replace(line, vma=None))


def test_a_fault_of_get_user_pages_has_no_error_code() -> None:
    facts = told(make_line(remote=True, cause="remote"))
    assert "on behalf of get_user_pages" in facts["what"]
    assert "error code" not in facts


def test_every_cause_and_kind_can_be_told() -> None:
    for cause in CAUSES:
        for kind in FaultKind:
            for access in Access:
                for label, text in explain(invalid(cause=cause.name, kind=kind, access=access), PLAN):
                    assert text, label
