"""Parsing ``/proc/PID/stat``: names that try to be fields, files cut short, and garbage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pftop.source.procstat import ProcStat, parse_stat, read_all, read_first_thread, read_stat

FIELDS = b"S 1 40 40 0 -1 4194560 1234 99 56 7 10 11 0 0 20 0 3 0 987654 8192000 250 184467"


def line(comm: bytes = b"sh", pid: int = 42) -> bytes:
    return b"%d (%s) %s\n" % (pid, comm, FIELDS)


def write_stat(root: Path, pid: int, data: bytes) -> Path:
    """The file of a process's first thread."""
    path = root / str(pid) / "task" / str(pid) / "stat"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_the_fields_are_those_of_the_kernels_documentation() -> None:
    assert parse_stat(line()) == ProcStat(42, b"sh", "S", 1, 1234, 56, 3, 987654, 250)


@pytest.mark.parametrize(
    "comm", [b"", b")", b"(", b") R 1 (", b"a\nb", b"a b", b"\xff\xfe", b"42 (sh) Z 9", b"\0", b")))))))))))))))"]
)
def test_a_name_is_never_taken_for_fields(comm: bytes) -> None:
    found = parse_stat(line(comm))
    assert found is not None
    assert (found.comm, found.ppid, found.minflt, found.majflt) == (comm, 1, 1234, 56)


@given(st.binary(max_size=15))
def test_any_name_comes_out_as_it_went_in(comm: bytes) -> None:
    found = parse_stat(line(comm))
    assert found is not None
    assert (found.comm, found.pid, found.start_ticks) == (comm, 42, 987654)


@pytest.mark.parametrize("keep", [0, 1, 3, 6, 8, 20, 50, 70])
def test_a_file_cut_short_is_none(keep: int) -> None:
    assert parse_stat(line()[:keep]) is None


@pytest.mark.parametrize("raw", [line().replace(b"1234", b"12x4"), line().replace(b"42 (", b"4.2 (")])
def test_what_should_be_a_number_and_is_none_is_none(raw: bytes) -> None:
    assert parse_stat(raw) is None


@given(st.one_of(st.binary(), st.binary().map(lambda tail: b"1 (x) " + tail)))
def test_garbage_is_none_or_a_stat_and_never_an_exception(data: bytes) -> None:
    assert isinstance(parse_stat(data), ProcStat | None)


def test_a_process_that_has_gone_is_none(tmp_path: Path) -> None:
    assert read_stat(tmp_path / "7") is None
    (tmp_path / "stat").mkdir()
    assert read_stat(tmp_path) is None


def test_a_process_is_known_by_its_first_thread_in_all_but_its_faults(tmp_path: Path) -> None:
    write_stat(tmp_path, 42, line())
    found = read_first_thread(tmp_path, 42)
    assert found == parse_stat(line())
    assert read_first_thread(tmp_path, 43) is None
    own, first = read_stat(Path("/proc/self")), read_first_thread("/proc", os.getpid())
    assert own is not None
    assert first is not None
    assert own._replace(minflt=0, majflt=0, rss_pages=0) == first._replace(minflt=0, majflt=0, rss_pages=0)


def test_all_processes_that_can_be_read_are_read(tmp_path: Path) -> None:
    for pid in (3, 4):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_bytes(line(pid=pid))
    for name in ("5", "self", "meminfo"):
        (tmp_path / name).mkdir()
    (tmp_path / "6").mkdir()
    (tmp_path / "6" / "stat").write_bytes(b"6 (half")
    assert sorted((stat.pid, uid) for stat, uid in read_all(tmp_path)) == [(3, os.getuid()), (4, os.getuid())]
    assert list(read_all(tmp_path / "nowhere")) == []


def test_this_process_is_what_the_kernel_says() -> None:
    found = read_stat(Path("/proc/self"))
    assert found is not None
    assert (found.pid, found.ppid, found.state) == (os.getpid(), os.getppid(), "R")
