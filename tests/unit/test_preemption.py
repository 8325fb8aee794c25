"""Reading maps where the kernel may be preempted: when that is so, as what the thread runs, what went unseen."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from pftop.source.preemption import Skipped, Undisturbed, Unseen, is_preemptible

DYNAMIC = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.1-1"


@pytest.mark.parametrize(
    ("told", "preemptible"),
    [
        ("none voluntary (full)", True),
        ("none voluntary full (lazy)", True),
        ("(none) voluntary full", False),
        ("none (voluntary) full", False),
        ("", True),
        (None, True),
    ],
)
def test_how_the_kernel_was_started_decides(tmp_path: Path, told: str | None, preemptible: bool) -> None:
    (tmp_path / "sched").mkdir()
    if told is not None:
        (tmp_path / "sched/preempt").write_text(told)
    assert is_preemptible(DYNAMIC, tmp_path) is preemptible


def test_a_kernel_built_without_is_never_preempted(tmp_path: Path) -> None:
    assert not is_preemptible("#1 SMP Debian 6.1.1-1", tmp_path)


def event(folder: Path, name: str, count: int) -> int:
    """A descriptor that is read from its beginning once."""
    (folder / name).write_bytes(struct.pack("<Q", count))
    return os.open(folder / name, os.O_RDONLY)


def test_what_the_events_counted_beyond_the_ends_went_unseen(tmp_path: Path) -> None:
    unseen = Unseen([event(tmp_path, "cpu0", 1_000), event(tmp_path, "cpu1", 500)])
    assert unseen.update(counted=1_500, ends=0) == 0
    # read before the ends were: those that came between are no contradiction
    assert unseen.update(counted=1_600, ends=103) == 0
    assert unseen.update(counted=1_700, ends=190) == 10
    assert unseen.update(counted=1_800, ends=299) == 10
    assert unseen.update(counted=2_000, ends=477) == 23


def test_without_events_nothing_is_ever_unseen() -> None:
    unseen = Unseen(())
    assert unseen.update(unseen.read(), ends=0) == 0


def test_runs_that_programs_kept_themselves_from_are_added_up(tmp_path: Path) -> None:
    told = "prog_type:\t26\nprog_jited:\t1\nrun_cnt:\t9\nrecursion_misses:\t{}\nverified_insns:\t7\n"
    for program, count in ((3, 12), (4, 30)):
        (tmp_path / str(program)).write_text(told.format(count))
    # an old kernel does not tell
    (tmp_path / "5").write_text("prog_type:\t26\n")
    assert Skipped([3, 4, 5], tmp_path).read() == 42
    assert Skipped([]).read() == 0


def policy() -> int:
    return os.sched_getscheduler(0)


def test_where_nothing_preempts_the_thread_stays_what_it_is() -> None:
    usual = policy()
    with Undisturbed(wanted=False):
        assert policy() == usual


def test_the_thread_is_what_it_was_afterwards() -> None:
    usual = policy()
    undisturbed = Undisturbed(wanted=True)
    for _ in range(2):
        with undisturbed:
            assert policy() in (usual, os.SCHED_FIFO)
        assert policy() == usual
    with pytest.raises(KeyError), undisturbed:
        raise KeyError
    assert policy() == usual


def test_a_refusal_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _policy: int, _parameters: os.sched_param) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    usual, undisturbed = policy(), Undisturbed(wanted=True)
    with undisturbed:
        assert policy() == usual
