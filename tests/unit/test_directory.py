"""What ``/proc`` says of a process, from trees that change under the reader, lie, or are not there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pftop.events import Identity, ProcessInfo, ProcessKey
from pftop.mappings import MemoryMapping
from pftop.source.directory import MAX_COMMANDS, STALE_AFTER_S, Directory
from pftop.source.machine import PAGE_BYTES
from pftop.source.procstat import TICK_NS
from pftop.text import Safe
from tests.unit.test_maps import MAPS
from tests.unit.test_procstat import line as stat_line
from tests.unit.test_procstat import write_stat

START_NS = 987654 * TICK_NS
KEY = ProcessKey(42, START_NS)
COMM = Safe("sh")


def process(root: Path, cmdline: bytes = b"/bin/sh\0-c\0true\0", pid: int = 42) -> Path:
    directory = root / str(pid)
    directory.mkdir(exist_ok=True)
    write_stat(root, pid, stat_line(pid=pid))
    (directory / "cmdline").write_bytes(cmdline)
    (directory / "maps").write_bytes(MAPS)
    return directory


def describe(directory: Directory, key: ProcessKey = KEY, comm: Safe = COMM, uid: int = 0) -> ProcessInfo:
    return directory.describe([(key, comm, uid)])[key]


def test_a_living_process_is_described(tmp_path: Path) -> None:
    process(tmp_path)
    assert describe(Directory(root=tmp_path)) == ProcessInfo(
        Safe("root"), Safe("/bin/sh -c true"), 250 * PAGE_BYTES, True, 0, COMM
    )


def test_a_kernel_thread_has_its_name_for_a_command(tmp_path: Path) -> None:
    process(tmp_path, b"")
    write_stat(tmp_path, 42, stat_line(b"kswapd0"))
    assert describe(Directory(root=tmp_path), comm=Safe("kswapd0")).command == "kswapd0"


def test_a_process_that_has_gone_keeps_its_name_and_is_not_alive(tmp_path: Path) -> None:
    found = describe(Directory(root=tmp_path))
    assert (found.command, found.rss_bytes, found.alive) == ("sh", None, False)


def test_a_reused_pid_is_not_the_process_meant(tmp_path: Path) -> None:
    process(tmp_path)
    directory = Directory(root=tmp_path)
    found = describe(directory, ProcessKey(42, START_NS - 5 * TICK_NS))
    assert (found.command, found.rss_bytes, found.alive) == ("sh", None, False)
    assert directory.identify(ProcessKey(42, START_NS - 5 * TICK_NS)) == Identity()


@pytest.mark.parametrize("start_ns", [START_NS, START_NS + TICK_NS - 1, 0])
def test_start_times_agree_within_a_tick(tmp_path: Path, start_ns: int) -> None:
    process(tmp_path)
    assert describe(Directory(root=tmp_path), ProcessKey(42, start_ns)).alive


@pytest.mark.parametrize("state", [b"Z", b"X"])
def test_a_zombie_has_ended(tmp_path: Path, state: bytes) -> None:
    stat = stat_line().replace(b") S ", b") %s " % state).replace(b" 20 0 3 0 ", b" 20 0 1 0 ")
    process(tmp_path)
    write_stat(tmp_path, 42, stat)
    found = describe(Directory(root=tmp_path))
    assert (found.alive, found.rss_bytes) == (False, None)


def test_a_process_outlives_its_first_thread(tmp_path: Path) -> None:
    process(tmp_path)
    write_stat(tmp_path, 42, stat_line().replace(b") S ", b") Z "))
    found = describe(Directory(root=tmp_path))
    assert (found.alive, found.rss_bytes) == (True, None)


def test_a_command_is_read_once_and_again_after_exec(tmp_path: Path) -> None:
    process(tmp_path)
    directory = Directory(root=tmp_path)
    assert describe(directory).command == "/bin/sh -c true"
    process(tmp_path, b"/bin/true\0")
    assert describe(directory).command == "/bin/sh -c true"
    write_stat(tmp_path, 42, stat_line(b"true"))
    assert describe(directory).command == "/bin/true"


def test_a_command_may_change_under_the_same_name_and_is_read_anew_in_time(tmp_path: Path) -> None:
    now = 100.0
    directory = Directory(root=tmp_path, clock=lambda: now)
    process(tmp_path)
    assert describe(directory).command == "/bin/sh -c true"
    assert len(directory.mappings(KEY)) == 6
    (process(tmp_path, b"sh\0other\0") / "maps").write_bytes(MAPS[: MAPS.index(b"\n") + 1])
    now += STALE_AFTER_S - 0.1
    assert describe(directory).command == "/bin/sh -c true"
    now += 0.1
    assert describe(directory).command == "sh other"
    # another program has other mappings, too
    assert len(directory.mappings(KEY)) == 1


def test_who_gives_up_roots_rights_is_shown_as_who_he_is_then(tmp_path: Path) -> None:
    now = 100.0
    directory = Directory(root=tmp_path, clock=lambda: now)
    status = process(tmp_path) / "status"
    status.write_bytes(b"Name:\tsh\nUid:\t0\t0\t0\t0\n")
    assert describe(directory).uid == 0
    status.write_bytes(b"Name:\tsh\nUid:\t3999999999\t7\t8\t9\n")
    now += STALE_AFTER_S
    found = describe(directory)
    assert (found.uid, found.user) == (3_999_999_999, "3999999999")
    # what the kernel side has told since counts more
    assert describe(directory, uid=3_999_999_998).uid == 3_999_999_998
    # nor is it forgotten while that was what one was asked about
    now += STALE_AFTER_S
    describe(directory, uid=3_999_999_999)
    assert describe(directory, uid=0).uid == 3_999_999_999
    # nor once the process has gone
    shutil.rmtree(tmp_path / "42")
    assert (describe(directory).uid, describe(directory, uid=5).uid) == (3_999_999_999, 5)


def test_a_process_is_called_as_its_first_thread_whoever_faults(tmp_path: Path) -> None:
    process(tmp_path)
    assert describe(Directory(root=tmp_path), comm=Safe("thread-7")).comm == "sh"
    write_stat(tmp_path, 42, stat_line(b"kworker/u4:1+events_unbound\x1b"))
    assert describe(Directory(root=tmp_path)).comm is None
    write_stat(tmp_path, 42, stat_line(b"a\x1bb"))
    assert describe(Directory(root=tmp_path)).comm == "a\\x1bb"
    shutil.rmtree(tmp_path / "42")
    assert describe(Directory(root=tmp_path)).comm is None


def test_a_hostile_command_is_safe_and_bounded(tmp_path: Path) -> None:
    process(tmp_path, b"\x1b]52;c;x\x07\xe2\x80\xae\xff\0\n" + b"A" * 200_000)
    command = describe(Directory(root=tmp_path)).command
    assert command.isprintable()
    assert command.startswith("\\x1b]52;c;x\\x07\\u{202e}\\xff \\n")
    assert len(command) == 512


def test_a_uid_without_a_name_is_a_number() -> None:
    directory = Directory()
    assert directory.user(3_999_999_999) == "3999999999"
    assert directory.user(0) == "root"


def test_the_commands_kept_are_bounded(tmp_path: Path) -> None:
    process(tmp_path)
    directory = Directory(root=tmp_path)
    for number in range(MAX_COMMANDS + 10):
        write_stat(tmp_path, 42, stat_line(b"%d" % number))
        describe(directory)
    assert len(directory._told) == MAX_COMMANDS


def test_mappings_are_those_of_the_process(tmp_path: Path) -> None:
    process(tmp_path)
    directory = Directory(root=tmp_path)
    found = directory.mapping(KEY, 0x7FFE00000000)
    assert found is not None
    assert found.name == "[stack]"
    assert len(directory.mappings(KEY)) == 6


class Names:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def kernel(self, ip: int) -> Safe:
        self.asked.append((ip,))
        return Safe("name")

    def process(self, pid: int, start_ns: int, ip: int, find: Callable[[], MemoryMapping | None]) -> Safe:
        self.asked.append((pid, start_ns, ip, find()))
        return Safe("name")


def test_symbols_are_asked_of_the_kernel_or_of_the_process(tmp_path: Path) -> None:
    process(tmp_path)
    names = Names()
    directory = Directory(names, tmp_path)
    stack = directory.mapping(KEY, 0x7FFE00000000)
    assert stack is not None
    assert directory.symbol(KEY, 5, kernel=True) == directory.symbol(KEY, 0x7FFE00000000, kernel=False) == "name"
    assert names.asked == [(5,), (42, START_NS, 0x7FFE00000000, stack)]
    assert Directory().symbol(KEY, 5, kernel=False) is None


def test_this_process_is_identified() -> None:
    stat = Path("/proc/self/stat").read_text().rsplit(") ", 1)[1].split()
    found = Directory().identify(ProcessKey(os.getpid(), int(stat[19]) * TICK_NS))
    assert found.exe is not None
    assert (found.ppid, found.state) == (os.getppid(), "running")
    assert found.threads == len(os.listdir("/proc/self/task"))
    assert found.cgroup is None or found.cgroup.startswith("/")
    assert found.rss_bytes is not None
    assert found.rss_bytes > 1 << 20


@settings(max_examples=50, deadline=None)
@given(stat=st.binary(max_size=200), cmdline=st.binary(max_size=200), maps=st.binary(max_size=200))
def test_nothing_that_proc_says_raises(
    tmp_path_factory: pytest.TempPathFactory, stat: bytes, cmdline: bytes, maps: bytes
) -> None:
    root = tmp_path_factory.mktemp("proc")
    directory = process(root)
    write_stat(root, 42, stat_line()[:9] + stat)
    (directory / "cmdline").write_bytes(cmdline)
    (directory / "maps").write_bytes(maps)
    lookup = Directory(root=root)
    assert describe(lookup).command.isprintable()
    lookup.mapping(KEY, 0x1000)
    lookup.identify(KEY)


def test_directories_where_files_should_be_do_no_harm(tmp_path: Path) -> None:
    for name in ("task/42/stat", "cmdline", "maps", "status", "cgroup"):
        (tmp_path / "42" / name).mkdir(parents=True)
    directory = Directory(root=tmp_path)
    assert not describe(directory).alive
    assert directory.mapping(KEY, 1) is None
    assert directory.identify(KEY) == Identity()


def test_a_reused_pid_names_no_mapping(tmp_path: Path) -> None:
    process(tmp_path)
    earlier = ProcessKey(42, START_NS - 500 * TICK_NS)
    directory = Directory(root=tmp_path)
    assert directory.mapping(earlier, 0x7FFE00000000) is None
    assert not directory.mappings(earlier)
