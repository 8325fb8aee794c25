"""Reading BTF: a blob made by hand, type by type, and what is no BTF."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from pftop.source import btf
from pftop.source.btf import Btf, BtfError, Member, declare

INT, PTR, ARRAY, STRUCT, UNION, ENUM, TYPEDEF, VOLATILE, CONST = 1, 2, 3, 4, 5, 6, 8, 9, 10
FUNC, FUNC_PROTO, VAR, DATASEC, DECL_TAG, TYPE_TAG, ENUM64 = 12, 13, 14, 15, 17, 18, 19


class Blob:
    """A BTF blob under construction; every method returns the new type's number."""

    def __init__(self) -> None:
        self.strings, self.types, self.count = b"\0", b"", 0

    def name(self, text: str) -> int:
        if not text:
            return 0
        at = self.strings.find(b"\0" + text.encode() + b"\0")
        if at < 0:
            at = len(self.strings) - 1
            self.strings += text.encode() + b"\0"
        return at + 1

    def add(
        self, kind: int, name: str = "", size: int = 0, tail: bytes = b"", members: int = 0, flag: int = 0
    ) -> int:
        self.types += struct.pack("<III", self.name(name), flag << 31 | kind << 24 | members, size) + tail
        self.count += 1
        return self.count

    def integer(self, name: str, size: int) -> int:
        return self.add(INT, name, size, struct.pack("<I", size * 8))

    def compound(self, kind: int, name: str, size: int, members: list[tuple[str, int, int]], flag: int = 0) -> int:
        tail = b"".join(struct.pack("<III", self.name(m), of, bits) for m, of, bits in members)
        return self.add(kind, name, size, tail, len(members), flag)

    def array(self, of: int, count: int) -> int:
        return self.add(ARRAY, tail=struct.pack("<III", of, 1, count))

    def bytes(self, magic: int = 0xEB9F, version: int = 1, gap: int = 0) -> bytes:
        head = struct.pack("<HBBIIIII", magic, version, 0, 24, 0, len(self.types), len(self.types) + gap, 0)
        head = head[:20] + struct.pack("<I", len(self.strings))
        return head + self.types + bytes(gap) + self.strings

    def read(self) -> Btf:
        return Btf(self.bytes())


def members_of(blob: Blob, name: str, *wanted: str) -> dict[str, Member]:
    return blob.read().members({name: wanted}).get(name, {})


def test_members_of_every_shape() -> None:
    blob = Blob()
    u32, u64 = blob.integer("u32", 4), blob.integer("u64", 8)
    pointer = blob.add(PTR, size=u64)
    alias = blob.add(TYPEDEF, "alias", blob.add(CONST, size=blob.add(VOLATILE, size=u32)))
    color = blob.add(ENUM, "color", 4, struct.pack("<II", blob.name("RED"), 0), 1)
    wide = blob.add(ENUM64, "wide", 8, struct.pack("<III", blob.name("HUGE"), 0, 1), 1)
    blob.compound(
        STRUCT,
        "task",
        64,
        [
            ("a", u32, 0),
            ("b", alias, 32),
            ("c", pointer, 64),
            ("d", blob.array(u64, 3), 128),
            ("e", color, 320),
            ("f", wide, 384),
        ],
    )
    assert members_of(blob, "task", *"abcdef") == {
        "a": Member(0, 4),
        "b": Member(4, 4),
        "c": Member(8, 8),
        "d": Member(16, 24),
        "e": Member(40, 4),
        "f": Member(48, 8),
    }


def test_anonymous_structs_and_unions_are_looked_into() -> None:
    blob = Blob()
    u32 = blob.integer("u32", 4)
    inner = blob.compound(STRUCT, "", 8, [("deep", u32, 32)])
    tagged = blob.add(TYPE_TAG, "tag", inner)
    union = blob.compound(UNION, "", 8, [("", tagged, 0), ("other", u32, 0)])
    named = blob.compound(STRUCT, "named", 8, [("hidden", u32, 0)])
    blob.compound(STRUCT, "task", 24, [("", union, 64), ("field", named, 128)])
    found = members_of(blob, "task", "deep", "other", "hidden", "field")
    assert found == {"deep": Member(12, 4), "other": Member(8, 4), "field": Member(16, 8)}


def test_bit_fields_leave_the_offsets_of_others_right() -> None:
    blob = Blob()
    u32 = blob.integer("u32", 4)
    # with the flag a member's word is size in bits << 24 | offset in bits
    blob.compound(STRUCT, "task", 8, [("bits", u32, 3 << 24 | 5), ("after", u32, 32)], flag=1)
    assert members_of(blob, "task", "bits", "after") == {"bits": Member(0, 4), "after": Member(4, 4)}


def test_types_that_are_only_passed_over_do_not_move_the_others() -> None:
    blob = Blob()
    u32 = blob.integer("u32", 4)
    proto = blob.add(FUNC_PROTO, size=u32, tail=struct.pack("<IIII", 0, u32, 0, u32), members=2)
    blob.add(FUNC, "handle_mm_fault", proto)
    blob.add(VAR, "variable", u32, struct.pack("<I", 0))
    blob.add(DATASEC, ".data", 8, struct.pack("<IIIIII", 1, 0, 4, 2, 4, 4), 2)
    blob.add(DECL_TAG, "mark", u32, struct.pack("<i", -1))
    blob.compound(STRUCT, "task", 8, [("pid", u32, 32)])
    assert members_of(blob, "task", "pid") == {"pid": Member(4, 4)}


def test_what_the_kernel_does_not_have_is_left_out() -> None:
    blob = Blob()
    u32 = blob.integer("u32", 4)
    blob.compound(STRUCT, "task", 4, [("pid", u32, 0)])
    assert blob.read().members({"task": ("pid", "gone"), "absent": ("x",)}) == {"task": {"pid": Member(0, 4)}}


def test_a_member_called_like_a_struct_is_no_struct() -> None:
    blob = Blob()
    u32 = blob.integer("u32", 4)
    blob.compound(UNION, "task", 4, [("pid", u32, 0)])
    blob.compound(STRUCT, "other", 4, [("task", u32, 0)])
    assert members_of(blob, "task", "pid") == {}


def test_names_are_found_whole() -> None:
    blob = Blob()
    blob.add(FUNC, "handle_mm_fault", blob.add(FUNC_PROTO))
    read = blob.read()
    assert read.has_name("handle_mm_fault")
    assert not read.has_name("handle_mm")
    assert not read.has_name("mm_fault")


def test_strings_may_stand_apart_from_types() -> None:
    blob = Blob()
    blob.compound(STRUCT, "task", 4, [("pid", blob.integer("u32", 4), 0)])
    assert Btf(blob.bytes(gap=16)).members({"task": ("pid",)}) == {"task": {"pid": Member(0, 4)}}


@pytest.mark.parametrize("data", [b"", b"\x9f\xeb\x01", bytes(24), bytes(4096)])
def test_what_is_no_btf_is_refused(data: bytes) -> None:
    with pytest.raises(BtfError):
        Btf(data)


def test_another_byte_order_or_version_is_refused() -> None:
    blob = Blob()
    for other in (blob.bytes(magic=0x9FEB), blob.bytes(version=2)):
        with pytest.raises(BtfError, match="want 0xeb9f version 1"):
            Btf(other)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Btf.of_kernel(tmp_path / "vmlinux")


def test_a_declared_struct_has_its_members_at_their_offsets(tmp_path: Path) -> None:
    places = {
        "late": Member(100, 8),
        "early": Member(3, 1),
        "mid": Member(6, 2),
        "blob": Member(20, 24),
        "word": Member(8, 4),
    }
    checks = "".join(
        f'_Static_assert(offsetof(struct task, {name}) == {place.offset}, "");\n'
        f'_Static_assert(sizeof(((struct task *)0)->{name}) == {place.size}, "");\n'
        for name, place in places.items()
    )
    types = "typedef unsigned char u8; typedef unsigned short u16; typedef unsigned u32; typedef unsigned long u64;\n"
    source = tmp_path / "declared.c"
    source.write_text(f"#include <stddef.h>\n{types}{declare('task', places)}{checks}")
    subprocess.run(["gcc", "-c", "-o", tmp_path / "declared.o", source], check=True)


def test_a_compilers_btf_is_read_as_the_compiler_laid_it_out(tmp_path: Path) -> None:
    if not btf.VMLINUX.exists():
        pytest.skip("not on this kernel: it has no BTF")
    found = Btf.of_kernel().members({"task_struct": ("pid", "tgid", "group_leader")})["task_struct"]
    assert found["pid"].size == found["tgid"].size == 4
    assert found["tgid"].offset == found["pid"].offset + 4
    assert found["group_leader"].size == 8


@pytest.mark.parametrize("keep", [26, 30, 40, 60])
def test_a_blob_cut_short_is_refused(keep: int) -> None:
    blob = Blob()
    blob.compound(STRUCT, "task", 4, [("pid", blob.integer("u32", 4), 0)])
    with pytest.raises(BtfError, match="cut short"):
        Btf(blob.bytes()[:keep])
