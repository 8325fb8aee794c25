"""Plan ``proc``: who belongs to the command's family, and files of processes that are just being reaped."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pftop.source.proc import FAMILY, ProcSource
from tests.factories import make_plan
from tests.unit.test_procstat import line


class Parents(dict[int, int]):
    """Counts how often it is asked."""

    asked = 0

    def __getitem__(self, pid: int) -> int:
        self.asked += 1
        return super().__getitem__(pid)


def put(root: Path, pid: int, data: bytes) -> None:
    (root / str(pid)).mkdir(exist_ok=True)
    (root / str(pid) / "stat").write_bytes(data)


def with_parent(pid: int, parent: int) -> bytes:
    return line(pid=pid).replace(b" S 1 ", b" S %d " % parent)


def test_descendants_are_the_family_and_stay_when_their_parent_ends(tmp_path: Path) -> None:
    own, source = os.getpid(), ProcSource(make_plan(), tmp_path)
    parents = {own + 1: own, own + 2: own + 1, own + 3: 1, own + 4: own + 3, 1: 0}
    for pid, parent in parents.items():
        put(tmp_path, pid, with_parent(pid, parent))
    records = source.sample().threads.records
    family = records["tgid"][records["flags"] & FAMILY != 0].tolist()
    assert sorted(family) == [own + 1, own + 2]
    put(tmp_path, own + 1, b"")
    put(tmp_path, own + 2, with_parent(own + 2, 1))
    records = source.sample().threads.records
    assert records["tgid"][records["flags"] & FAMILY != 0].tolist() == [own + 2]


def test_a_chain_of_strangers_is_walked_once_and_a_circle_ends() -> None:
    source, length = ProcSource(make_plan()), 3000
    chain = Parents({pid: pid - 1 for pid in range(10, 10 + length)})
    source._grow_family(5, chain)
    assert chain.asked == length
    source._grow_family(5, {8: 9, 9: 8})
    assert not source._family


def test_a_process_without_threads_is_being_reaped_and_is_left_out(tmp_path: Path) -> None:
    source = ProcSource(make_plan(), tmp_path)
    for pid in (42, 43):
        put(tmp_path, pid, line(pid=pid))
    assert source.sample().threads.records["tgid"].tolist() == [42, 43]
    # its counts may be gone, too
    put(tmp_path, 42, line(pid=42).replace(b" 20 0 3 0 ", b" 20 0 0 0 ").replace(b" 1234 99 56 ", b" 0 0 0 "))
    assert source.sample().threads.records["tgid"].tolist() == [43]


def test_a_wait_can_be_ended_from_elsewhere() -> None:
    source = ProcSource(make_plan())
    source.wake()
    began = time.monotonic()
    source.read(10)
    assert time.monotonic() - began < 5
    began = time.monotonic()
    source.read(0.05)
    assert time.monotonic() - began > 0.04
