"""The wire format: Python's reading of ``bpf/fault.h`` is the C compiler's, and nothing in it is guessed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pftop import causes
from pftop.events import Access, Counters, FaultKind
from pftop.model import book, lines, process
from pftop.model.book import SUMS
from pftop.model.histogram import BUCKETS, bucket_of, lower_ns
from pftop.source import wire
from pftop.source.header import Header, HeaderError, bpf_dir, header
from pftop.source.program import WIRE_STRUCTS

TYPEDEFS = """
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64;
typedef int32_t s32; typedef int64_t s64;
"""


def compiled(body: str, directory: Path) -> str:
    """What a C program prints that includes the header."""
    source, program = directory / "probe.c", directory / "probe"
    path = bpf_dir() / "fault.h"
    source.write_text(f'{TYPEDEFS}#include "{path}"\nint main(void) {{\n{body}\nreturn 0; }}\n')
    subprocess.run(["gcc", "-Wall", "-Werror", "-o", program, source], check=True)
    return subprocess.run([program], check=True, capture_output=True, text=True).stdout


def test_every_member_lies_where_the_c_compiler_puts_it(tmp_path: Path) -> None:
    body, expected = "", ""
    for name, laid_out in header().structs.items():
        kind = wire.dtype(name)
        assert kind.itemsize == laid_out.size
        body += f'printf("{name} %zu\\n", sizeof(struct {name}));\n'
        expected += f"{name} {kind.itemsize}\n"
        for member in kind.names or ():
            path = f"{name}.{member}"
            place = f"offsetof(struct {name}, {member}), sizeof(((struct {name} *)0)->{member})"
            body += f'printf("{path} %zu %zu\\n", {place});\n'
            assert kind.fields is not None
            field, offset = kind.fields[member][:2]
            expected += f"{path} {offset} {field.itemsize}\n"
    assert compiled(body, tmp_path) == expected
    assert expected.count("\n") > 50


def test_every_number_and_enumerator_is_the_c_compilers(tmp_path: Path) -> None:
    read = header()
    values = read.numbers | {name: n for enum in read.enums.values() for name, n in enum.items()}
    body = "".join(f'printf("{name} %ld\\n", (long){name});\n' for name in values)
    assert compiled(body, tmp_path) == "".join(f"{name} {number}\n" for name, number in values.items())


def test_every_struct_of_the_header_was_read() -> None:
    text = (bpf_dir() / "fault.h").read_text()
    assert set(re.findall(r"^struct (\w+) \{", text, re.MULTILINE)) == set(header().structs)
    assert set(WIRE_STRUCTS) <= set(header().structs)


def test_the_signedness_of_members_is_kept() -> None:
    kind = wire.dtype("fault_event")
    assert (kind["signal"], kind["tid"]) == (np.dtype("<i4"), np.dtype("<u4"))


def enumerators(kind: str, prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): number for name, number in header().enums[kind].items()}


def test_enums_of_both_sides_are_equal() -> None:
    assert enumerators("fault_kind", "FAULT_") == {kind.name: int(kind) for kind in FaultKind}
    shown = {name.upper().replace("-", "_"): number for name, number in causes.NUMBER.items()}
    assert enumerators("fault_cause", "CAUSE_") == shown
    assert enumerators("fault_access", "ACCESS_") == {access.name: int(access) for access in Access}


def test_numbers_written_down_twice_are_equal() -> None:
    numbers = header().numbers
    assert numbers["THREAD_GROUP_DEAD"] == process.GROUP_DEAD
    assert numbers["THREAD_RETIRED"] == book.RETIRED
    assert numbers["THREAD_FAMILY"] == process.FAMILY
    assert numbers["EVENT_KERNEL_MODE"] == lines.KERNEL_MODE
    assert numbers["EVENT_LATENCY_KNOWN"] == lines.LATENCY_KNOWN
    assert numbers["EVENT_VMA_KNOWN"] == lines.VMA_KNOWN
    assert numbers["EVENT_REMOTE"] == lines.REMOTE
    assert numbers["EVENT_VMA_FOUND"] == lines.VMA_FOUND
    assert numbers["PFTOP_CAUSES"] == process.CAUSE_SLOTS >= len(causes.CAUSES)
    assert numbers["PFTOP_TRAITS"] == causes.TRAITS == len(causes.table())
    assert numbers["PFTOP_BUCKETS"] == BUCKETS
    assert lower_ns(1) == 1 << numbers["PFTOP_BUCKET_SHIFT"]


def test_traits_of_both_sides_are_equal() -> None:
    traits = {name: number for name, number in header().numbers.items() if name.startswith("TRAIT_")}
    assert traits == {name: getattr(causes, name.removeprefix("TRAIT_")) for name in traits}
    assert sum(traits.values()) == causes.TRAITS - 1


def test_flags_of_one_word_share_no_bit() -> None:
    for prefix in ("THREAD_", "EVENT_", "TRAIT_"):
        bits = [number for name, number in header().numbers.items() if name.startswith(prefix)]
        assert all(bit & (bit - 1) == 0 for bit in bits)
        assert len(set(bits)) == len(bits)


def test_names_python_uses_are_members() -> None:
    assert set(Counters.__dataclass_fields__) <= set(wire.dtype("globals").names or ())
    names = wire.dtype("thread_record").names or ()
    at = names.index(SUMS[0])
    # read as one block: they lie side by side, in this order, and each is 64 bits wide
    assert names[at : at + len(SUMS)] == SUMS
    assert {wire.dtype("thread_record")[name].itemsize for name in SUMS} == {8}


def test_the_kernels_buckets_are_pythons(tmp_path: Path) -> None:
    account = (bpf_dir() / "account.c").read_text()
    functions = re.findall(r"^static __always_inline u\d+ (?:log2_of|bucket_of)\(.*?^\}", account, re.M | re.S)
    assert len(functions) == 2
    values = sorted({v for bit in range(41) for v in ((1 << bit) - 1, 1 << bit, (1 << bit) * 5 // 4, 3 << bit)})
    values += [2**63, 2**64 - 1]
    body = "".join(f'printf("%lu\\n", (unsigned long)bucket_of({value}ul));\n' for value in values)
    source = "\n".join(functions).replace("static __always_inline", "static inline")
    (tmp_path / "fault.h").write_text("")
    program = f'{TYPEDEFS}#include "{bpf_dir()}/fault.h"\n{source}\nint main(void) {{ {body} return 0; }}\n'
    (tmp_path / "b.c").write_text(program)
    subprocess.run(["gcc", "-o", tmp_path / "b", tmp_path / "b.c"], check=True)
    printed = subprocess.run([tmp_path / "b"], check=True, capture_output=True, text=True).stdout
    assert [int(line) for line in printed.split()] == [bucket_of(value) for value in values]


@pytest.mark.parametrize(
    "text",
    [
        "int x;",
        "#if 1\n#endif",
        "#define TWO(x) 2",
        "#define SUM 1 + 1",
        "#include <a.h>",
        "struct s {\nu64 a:3;\n};",
        "struct s {\nu64 a, b;\n};",
        "struct s {\nu64 *a;\n};",
        "struct s {\nlong a;\n};",
        "struct s {\nstruct unknown a;\n};",
        "struct s {\nunion { u64 a; u32 b; };\n};",
        "struct s {\nu64 a[2][2];\n};",
        "struct s {\nchar a;\n};",
        "struct s {\nu64 a\n};",
        "struct s {\n#ifdef A\nu64 a;\n#endif\n};",
        "enum e {\nA,\n};",
        "enum e {\nA = 1 << 2,\n};",
        "enum e { A = 1 };",
        "// a comment",
    ],
)
def test_what_the_reader_does_not_understand_is_refused(text: str) -> None:
    with pytest.raises(HeaderError, match=r"not understood|not known"):
        Header(text)


def test_an_array_as_long_as_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="UNDEFINED"):
        Header("struct s {\nu64 a[UNDEFINED];\n};")


def test_members_padding_and_nesting_follow_c() -> None:
    read = Header(
        """
        #ifndef GUARD
        #define GUARD
        #define MANY 3  /* of
           them */
        struct inner {
            u8 small;   /* padded */
            u64 large;
        };
        struct outer {
            struct inner both[MANY];
            s32 last;
            char name[0x10];
        };
        #endif
        """
    )
    inner, outer = wire.dtype_of(read, "inner"), wire.dtype_of(read, "outer")
    assert (inner.itemsize, outer.itemsize) == (16, 72)
    assert [read.structs[name].size for name in ("inner", "outer")] == [16, 72]
    assert outer["both"].shape == (3,)
    assert outer["name"] == np.dtype("S16")


def test_rows_of_bytes_are_read_as_one_record_each() -> None:
    size = wire.dtype("fault_event").itemsize
    events = wire.empty("fault_event", 3)
    events["tid"], events["signal"] = [11, 12, 13], [-1, 7, 0]
    raw = np.frombuffer(events.tobytes(), np.uint8).reshape(3, size)
    found = wire.decode([raw[:2], raw[2:]], "fault_event")
    assert found["tid"].tolist() == [11, 12, 13]
    assert found["signal"].tolist() == [-1, 7, 0]
    assert len(wire.decode([], "fault_event")) == 0


def test_what_every_fault_touches_lies_in_as_few_cache_lines_as_it_fills() -> None:
    line = 64
    fields = wire.dtype("thread_record").fields
    stamp = wire.dtype("fault_stamp").fields
    assert fields is not None
    assert stamp is not None
    first, last = fields["read"][1], fields["stamp"][1] + stamp["logged"][1]
    assert wire.dtype("thread_record").itemsize % line == 0
    assert last // line - first // line == 2
    for name in ("write", "latency_sum_ns", "minor", "minor_max_ns", "tid", "flags", "created_ns", "provision"):
        assert first <= fields[name][1] <= last, name
    for name in ("ts_ns", "address", "error_code", "regs"):
        assert stamp[name][1] <= stamp["logged"][1], name
    config = wire.dtype("config")
    # behind eight bytes of a line: see there
    assert config.names is not None
    assert config.names[0] == "adopt"
    assert config.itemsize <= 8 + line
