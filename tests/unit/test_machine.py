"""What is noticed of the machine while pftop runs."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from pftop.source.machine import CpuWatch, suspended_ns, take_descriptors


def test_cpus_that_come_or_go_are_told_once(tmp_path: Path) -> None:
    online = tmp_path / "online"
    online.write_text("0-3\n")
    watch = CpuWatch(online)
    assert watch.look() is None
    online.write_text("0-2\n")
    assert str(watch.look()).startswith("CPUs online: 0-3 before, 0-2 now. ")
    assert watch.look() is None
    online.write_text("0-3\n")
    assert "0-2 before, 0-3 now" in str(watch.look())


def test_where_nobody_tells_nothing_changes(tmp_path: Path) -> None:
    assert CpuWatch(tmp_path / "nowhere").look() is None


def test_a_limit_that_may_not_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def refuse(_kind: int, _limits: tuple[int, int]) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    take_descriptors()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_the_boot_clock_is_never_behind_however_long_it_takes_to_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 <= suspended_ns() - (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()) < 10**9
    # monotonic, boot, monotonic: put off its CPU in the first and the last reading
    readings = iter([100, 5_000_100, 5_000_200, 6_000_000, 6_000_050, 6_000_100, 7_000_000, 7_000_010, 9_000_000])
    monkeypatch.setattr(time, "clock_gettime_ns", lambda _clock: next(readings))
    assert suspended_ns() == 0
    day = 86_400 * 10**9
    readings = iter([100, day + 900, 5_000_200, 6_000_000, day + 6_000_050, 6_000_100, 7_000_000, day, 9_000_000])
    assert suspended_ns() == day
