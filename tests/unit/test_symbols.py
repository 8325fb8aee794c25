"""Names of code: of this very process, of a program in a memfd, of files with hostile names, of the kernel."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from pftop.mappings import MemoryMapping
from pftop.source.elf import SymbolTable, read_symbols
from pftop.source.maps import parse_maps
from pftop.source.symbols import Symbols, demangler, open_regular
from pftop.text import Safe
from tests.unit.fake_source import Clock
from tests.unit.test_elf import BASE, FUNC, OFFSET, SYMTAB, elf


def own_mapping(address: int) -> MemoryMapping:
    found = parse_maps(Path("/proc/self/maps").read_bytes())
    return next(mapping for mapping in found if mapping.start <= address < mapping.end)


def test_a_function_of_this_process_has_its_name() -> None:
    address = ctypes.cast(ctypes.CDLL(None).qsort, ctypes.c_void_p).value
    assert address is not None
    symbols = Symbols()
    assert symbols.process(os.getpid(), 1, address + 3, lambda: own_mapping(address)) == "qsort+0x3"


def test_code_in_a_memfd_has_names_and_no_descriptor_is_lost() -> None:
    fd = os.memfd_create("code")
    code = elf((SYMTAB, [("jitted", FUNC, BASE, 0x100)]))
    os.write(fd, code.ljust(OFFSET + 0x1000, b"\0"))
    area = mmap.mmap(fd, 0x1000, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_EXEC, offset=OFFSET)
    mapping = next(m for m in parse_maps(Path("/proc/self/maps").read_bytes()) if "memfd:code" in m.name)
    before = os.listdir("/proc/self/fd")
    name = Symbols().process(os.getpid(), 1, mapping.start + 0x10, lambda: mapping)
    assert os.listdir("/proc/self/fd") == before
    area.close()
    os.close(fd)
    if os.geteuid() == 0:
        assert name == "jitted+0x10"


def tree(root: Path, name: str, *symbols: tuple[str, int, int, int]) -> MemoryMapping:
    """Process 7, which has one file mapped."""
    path = root / "7" / "root" / "bin" / "x"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(elf((SYMTAB, list(symbols))))
    return MemoryMapping(0x5000, 0x6000, "r-xp", OFFSET, Safe(name))


def test_hostile_and_mangled_names_are_made_readable(tmp_path: Path) -> None:
    names = ("\x1b]0;owned\x07", "_ZN3foo3barEv", "_Zbroken", "x" * 5000)
    symbols = [(name, FUNC, BASE + 16 * at, 16) for at, name in enumerate(names)]
    mapping = tree(tmp_path, "/bin/x", *symbols)
    found = [Symbols(tmp_path).process(7, 1, 0x5000 + 16 * at, lambda: mapping) for at in range(4)]
    assert found[0] == "\\x1b]0;owned\\x07+0x0"
    assert found[1] in ("foo::bar()+0x0", "_ZN3foo3barEv+0x0")
    assert found[2] == "_Zbroken+0x0"
    assert found[3] is not None
    assert len(found[3]) <= 80


@pytest.mark.parametrize("perms", ["rw-p", "r--p"])
def test_data_and_unmapped_addresses_have_no_names(perms: str, tmp_path: Path) -> None:
    tree(tmp_path, "/bin/x", ("f", FUNC, BASE, 16))
    symbols = Symbols(tmp_path)
    assert symbols.process(7, 1, 0x5000, lambda: MemoryMapping(0x5000, 0x6000, perms, OFFSET, Safe("/bin/x"))) is None
    assert symbols.process(7, 1, 0x5000, lambda: None) is None


@pytest.mark.parametrize("name", ["[anon]", "[vdso]", "/bin/absent", "/bin"])
def test_what_cannot_be_opened_or_read_has_none(name: str, tmp_path: Path) -> None:
    mapping = tree(tmp_path, name, ("f", FUNC, BASE, 16))
    assert Symbols(tmp_path).process(7, 1, 0x5000, lambda: mapping) is None


def test_new_files_are_read_one_at_a_time_and_once(tmp_path: Path) -> None:
    clock = Clock()
    mapping = tree(tmp_path, "/bin/x", ("f", FUNC, BASE, 16))
    other = MemoryMapping(0x9000, 0xA000, "r-xp", OFFSET, Safe("/bin/y"))
    (tmp_path / "7/root/bin/y").write_bytes(elf((SYMTAB, [("g", FUNC, BASE, 16)])))
    symbols = Symbols(tmp_path, clock)
    assert symbols.process(7, 1, 0x5000, lambda: mapping) == "f+0x0"
    assert symbols.process(7, 1, 0x9000, lambda: other) is None
    # the same file in another process is known
    (tmp_path / "8").symlink_to(tmp_path / "7")
    assert symbols.process(8, 1, 0x5001, lambda: mapping) == "f+0x1"
    clock.now += 0.2
    assert symbols.process(7, 1, 0x9000, lambda: other) == "g+0x0"
    # a process that has ended keeps the names that were found
    (tmp_path / "7").rename(tmp_path / "gone")
    assert symbols.process(7, 1, 0x5000, lambda: mapping) == "f+0x0"
    assert symbols.process(7, 1, 0x5005, lambda: mapping) is None


def test_who_took_long_to_read_is_not_followed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    mapping = tree(tmp_path, "/bin/x", ("f", FUNC, BASE, 16))
    other = MemoryMapping(0x9000, 0xA000, "r-xp", OFFSET, Safe("/bin/y"))
    (tmp_path / "7/root/bin/y").write_bytes(elf((SYMTAB, [("g", FUNC, BASE, 16)])))

    def slow(fd: int) -> SymbolTable | None:
        clock.now += 0.5
        return read_symbols(fd)

    monkeypatch.setattr("pftop.source.symbols.read_symbols", slow)
    symbols = Symbols(tmp_path, clock)
    assert symbols.process(7, 1, 0x5000, lambda: mapping) == "f+0x0"
    clock.now += 9
    assert symbols.process(7, 1, 0x9000, lambda: other) is None
    clock.now += 2
    assert symbols.process(7, 1, 0x9000, lambda: other) == "g+0x0"


def test_tables_are_forgotten_when_there_are_too_many_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pftop.source.symbols.MAX_FUNCTIONS", 2)
    clock = Clock()
    mapping = tree(tmp_path, "/bin/x", ("f", FUNC, BASE, 16), ("g", FUNC, BASE + 16, 16))
    other = MemoryMapping(0x9000, 0xA000, "r-xp", OFFSET, Safe("/bin/y"))
    (tmp_path / "7/root/bin/y").write_bytes(elf((SYMTAB, [("h", FUNC, BASE, 16), ("i", FUNC, BASE + 16, 16)])))
    symbols = Symbols(tmp_path, clock)
    for at in range(6):
        clock.now += 1
        assert symbols.process(7, 1, 0x5000 + at, lambda: mapping) == f"f+{at:#x}"
        clock.now += 1
        assert symbols.process(7, 1, 0x9010 + at, lambda: other) == f"i+{at:#x}"
        assert len(symbols._files) == 1


KALLSYMS = """ffffffff81000100 T second
ffffffff81000000 t first
ffffffff81000180 d data
ffffffffc0000000 t in_module\t[nfs]
ffffffff81000200 W \x1b[31mred
"""


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0xFFFFFFFF81000000, "first+0x0"),
        (0xFFFFFFFF810000FF, "first+0xff"),
        (0xFFFFFFFF81000190, "second+0x90"),
        (0xFFFFFFFF81000201, "\\x1b[31mred+0x1"),
        (0xFFFFFFFFC0000010, "in_module+0x10"),
        (0xFFFFFFFFC0200000, None),
        (0xFFFFFFFF80FFFFFF, None),
        (5, None),
    ],
)
def test_functions_of_the_kernel(address: int, name: str | None, tmp_path: Path) -> None:
    (tmp_path / "kallsyms").write_text(KALLSYMS)
    assert Symbols(tmp_path).kernel(address) == name


def test_each_of_very_many_functions_has_its_own_name(tmp_path: Path) -> None:
    first, length, count = 0xFFFFFFFF81000000, 0x40, 9001
    # modules come behind the kernel and lie below it; no chunk that is read ends with a line
    functions = [(first + length * (at * 4567 % count), f"function_{at}") for at in range(count)]
    (tmp_path / "kallsyms").write_text("".join(f"{address:016x} t {name}\n" for address, name in functions))
    symbols = Symbols(tmp_path)
    for address, name in functions[::97] + functions[-3:]:
        assert symbols.kernel(address + 9) == f"{name}+0x9"


@pytest.mark.parametrize("text", ["", None, "0000000000000000 T first\n0000000000000000 T second\n", "nonsense\n"])
def test_a_kernel_that_hides_its_addresses_has_no_names(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "kallsyms").write_text(text)
    assert Symbols(tmp_path).kernel(0xFFFFFFFF81000000) is None


def test_names_that_are_not_mangled_stay() -> None:
    assert demangler()(b"_Z") == b"_Z"


def test_a_name_that_would_grow_without_bound_stays() -> None:
    levels = "".join(f"S_IS{level}_S{level}_E" for level in "0123456789AB")
    name = f"_Z1f1AIiiE{levels}".encode()
    assert demangler()(name) == name


def test_nor_is_a_pack_expanded_that_would() -> None:
    name = b"I" + b"i" * 12 + b"E"
    for _ in range(3):
        name = b"IDp1AIT_Dp1AIT_DpT_EE" + name
    assert demangler()(b"_Z1f" + name) == b"_Z1f" + name
    usual = b"_ZNSt6vectorI3FooSaIS0_EE12emplace_backIJRS0_EEES4_DpOT_"
    assert demangler()(usual).startswith(b"Foo& std::vector<Foo")


@pytest.mark.parametrize("kind", ["fifo", "device", "folder"])
def test_only_regular_files_are_opened_whatever_a_path_leads_to(kind: str, tmp_path: Path) -> None:
    target = {"fifo": tmp_path / "fifo", "device": Path("/dev/null"), "folder": tmp_path}[kind]
    if kind == "fifo":
        os.mkfifo(target)
    (tmp_path / "link").symlink_to(target)
    # to open the fifo would wait for a writer
    with pytest.raises(OSError, match="Invalid argument"):
        open_regular(str(tmp_path / "link"))


LEASE = """
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
sys.stdin.read()
"""


def test_nobody_is_waited_for_who_holds_a_lease() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = f"{folder}/file"
        argv = [sys.executable, "-c", LEASE, path]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            refused: list[int | None] = []

            def open_it() -> None:
                try:
                    open_regular(path)
                except OSError as error:
                    refused.append(error.errno)

            opening = threading.Thread(target=open_it, daemon=True)
            opening.start()
            opening.join(10)
            holder.communicate()
    assert refused == [errno.EAGAIN]
