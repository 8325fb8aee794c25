"""Each kind of fault is shown as what it is: major with the disk's latency, invalid with its reason."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.harness import PLANS, TELLS_ACCOUNT, Pftop, Program, balanced

SIGBUS, SIGSEGV = 7, 11
MAPERR, ACCERR, ADRERR = 1, 2, 2


@pytest.mark.parametrize(
    ("kind", "signal", "code"),
    [("null", SIGSEGV, MAPERR), ("readonly", SIGSEGV, ACCERR), ("beyond", SIGBUS, ADRERR)],
)
@pytest.mark.parametrize("pftop", PLANS, indirect=True)
def test_an_invalid_access_has_address_and_reason(
    kind: str,
    signal: int,
    code: int,
    build: Callable[[str], Path],
    start: Callable[..., Program],
    pftop: Callable[..., Pftop],
) -> None:
    program = start(build("bad"), kind)
    address = int(program.hear())
    watch = pftop("--events")
    watch.ready()
    program.tell()
    program.child.wait()
    assert program.child.returncode == -signal
    watch.next_tick()
    watch.stop()
    (fault,) = [f for f in watch.faults() if f["pid"] == program.pid and f["kind"] == "invalid"]
    assert (fault["address"], fault["signal"], fault["si_code"]) == (address, signal, code)
    assert fault["access"] == "write"
    assert fault["latency_ns"] > 0
    assert fault["ip"] > 0
    row = [row for row in watch.rows(program.pid) if row["exited"]][-1]
    assert (row["invalid_total"], row["failed_total"]) == (1, 1)
    balanced(watch.ticks())


@pytest.mark.parametrize("pftop", PLANS, indirect=True)
def test_a_page_a_system_call_was_refused_and_that_is_touched_later_is_two_faults(
    build: Callable[[str], Path], start: Callable[..., Program], pftop: Callable[..., Pftop]
) -> None:
    slept_ms = 300
    program = start(build("stale"), str(slept_ms))
    assert program.hear() == "ready"
    watch = pftop("--events")
    watch.ready()
    program.tell()
    assert program.hear() == "done"
    program.tell()
    assert program.child.wait() == 0
    watch.next_tick()
    watch.stop()
    row = [row for row in watch.rows(program.pid) if row["exited"]][-1]
    assert row["failed_total"] == 1
    # the touch took no longer than a touch takes: it did not begin with the system call
    assert sum(row["stall_ns"] for row in watch.rows(program.pid)) < slept_ms * 1_000_000 / 2
    balanced(watch.ticks())


@pytest.mark.parametrize("pftop", PLANS, indirect=True)
def test_a_bad_pointer_in_a_system_call_is_failed_and_not_invalid(
    build: Callable[[str], Path], start: Callable[..., Program], pftop: Callable[..., Pftop]
) -> None:
    program = start(build("bad"), "efault")
    program.hear()
    watch = pftop("--events")
    watch.ready()
    program.tell()
    assert program.child.wait() == 0
    watch.next_tick()
    watch.stop()
    row = [row for row in watch.rows(program.pid) if row["exited"]][-1]
    assert (row["failed_total"], row["invalid_total"]) == (1, 0)
    (fault,) = [f for f in watch.faults() if f["pid"] == program.pid and f["kind"] == "failed"]
    assert (fault["address"], fault["kernel_mode"], fault["latency_ns"]) == (0x10, True, None)


@pytest.mark.parametrize("pftop", PLANS, indirect=True)
def test_a_file_read_from_disk_is_major_with_its_latency(
    tmp_path: Path,
    build: Callable[[str], Path],
    start: Callable[..., Program],
    pftop: Callable[..., Pftop],
) -> None:
    # not under /tmp, which may be memory; pages are read one by one in an order read-ahead cannot follow
    path = Path.cwd() / f".live-file-{os.getpid()}"
    pages = 257
    path.write_bytes(os.urandom(4096) * pages)
    try:
        os.sync()
        program = start(build("readfile"), str(path))
        assert program.hear() == "ready"
        watch = pftop("--events", "-p", str(program.pid))
        watch.ready()
        Path("/proc/sys/vm/drop_caches").write_text("1\n")
        program.tell()
        minor, major = program.usage()
        watch.next_tick()
        watch.stop()
    finally:
        path.unlink()
    row = list(watch.rows(program.pid))[-1]
    assert major >= pages // 2, "the file was not read from a device"
    assert (row["minor_total"], row["major_total"]) == (minor, major)
    events = [f for f in watch.faults() if f["pid"] == program.pid and f["kind"] == "major"]
    in_file = [f for f in events if f["mapping"] == str(path)]
    assert len(in_file) > 10
    # a device takes microseconds at the least, and page offsets lie inside the file
    assert min(f["latency_ns"] for f in in_file) > 5_000
    assert {f["offset"] % 4096 for f in in_file} == {0}
    assert all(0 <= f["offset"] < pages * 4096 for f in in_file)
    slowest = max(row["latency"]["max_ns"] for row in watch.rows(program.pid) if row["latency"]["count"])
    assert slowest >= max(f["latency_ns"] for f in in_file)
    assert {f["cause"] for f in in_file} == {"file-read"}
    found = [f for f in in_file if f["vma"]]
    # before it is known to be major its line went out once, with the VMA
    assert len(found) == (len(in_file) if watch.objects[0]["plan"] == "memcg" else 0)
    assert all(f["vma"][0] <= f["address"] < f["vma"][1] for f in found)


@pytest.mark.skipif(not TELLS_ACCOUNT, reason="not on this kernel: no plan memcg, and their /proc/PID/maps is gone")
def test_processes_that_are_gone_at_once_have_their_causes(tmp_path: Path, pftop: Callable[..., Pftop]) -> None:
    copy = tmp_path / "true"
    shutil.copy("/bin/true", copy)
    watch = pftop("--events", "--log-rate", "10000")
    watch.ready()
    for _ in range(70):
        subprocess.run([copy], check=True)
    watch.next_tick()
    watch.next_tick()
    watch.stop()
    faults = [f for f in watch.faults() if f["comm"] == "true" and f["kind"] in ("minor", "major")]
    # each has a hundred, and their bursts outrun any rate of the log: the quicker the machine, the fewer are logged
    assert len(faults) > 1000
    unknown = [f for f in faults if f["cause"] == "unknown"]
    # it has no second thread that could hold a lock of its mappings; but others may, who look into it
    assert len(unknown) <= len(faults) / 1000, unknown[:3]
    assert {f["cause"] for f in faults} >= {"first-touch", "cow", "file-map", "stack"}
    for fault in faults:
        if fault["vma"]:
            first, end, _flags = fault["vma"]
            assert first <= fault["address"] < end
    balanced(watch.ticks())


@pytest.mark.parametrize("pftop", PLANS, indirect=True)
def test_hostile_names_come_out_as_text(pftop: Callable[..., Pftop]) -> None:
    watch = pftop()
    watch.ready()
    names = [b"[/]", b"\x1b]0;x\x07", b"a\nb", b"\xff\xfe"]
    for name in names:
        code = (
            "import ctypes,mmap\n"
            f"ctypes.CDLL(None).prctl(15, {name!r}, 0, 0, 0)\n"
            "m = mmap.mmap(-1, 1 << 20)\n"
            "for i in range(0, 1 << 20, 4096): m[i] = 1\n"
        )
        subprocess.run(["python3", "-c", code], check=True)
    watch.next_tick()
    watch.stop()
    seen = {row["comm"] for tick in watch.ticks() for row in tick["processes"]}
    assert {"[/]", "\\x1b]0;x\\x07", "a\\nb", "\\xff\\xfe"} <= seen
