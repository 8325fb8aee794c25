"""Run time of BPF programs from made-up statistics: differences, never guesses, and off again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pftop.events import Cost
from pftop.source.runstats import RunStats, RunTime, enable, parse_fdinfo
from tests.unit.fake_source import Clock

FDINFO = "pos:\t0\nprog_type:\t17\nprog_tag:\t59f4\nrun_time_ns:\t{ns}\nrun_cnt:\t{runs}\n"
PROGRAMS = {"on_fault_user": 20, "on_minor": 21, "on_exit": 22}


class Kernel:
    """Three programs' statistics, and a switch that is a descriptor of /dev/null."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.clock, self.opened = directory, Clock(), 0
        self.switch = -1
        self.refusal: OSError | None = None
        self.stats = RunStats(lambda: PROGRAMS, open_switch=self._open, fdinfo=directory, clock=self.clock)
        self.now(0, 0, 0)

    def _open(self, _arch: str) -> int:
        if self.refusal is not None:
            raise self.refusal
        self.opened += 1
        self.switch = os.open("/dev/null", os.O_RDONLY)
        return self.switch

    def now(self, begin_ns: int, end_ns: int, exit_ns: int, runs: int = 100) -> None:
        for fd, ns in zip((20, 21, 22), (begin_ns, end_ns, exit_ns), strict=True):
            (self.directory / str(fd)).write_text(FDINFO.format(ns=ns, runs=runs if ns else 0))

    @property
    def is_on(self) -> bool:
        return self.switch >= 0 and os.path.exists(f"/proc/self/fd/{self.switch}")


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    made = Kernel(tmp_path)
    yield made
    made.stats.off()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (FDINFO.format(ns=7, runs=3), RunTime(7, 3)),
        ("pos:\t0\nprog_type:\t17\n", None),
        ("run_time_ns:\tx\nrun_cnt:\t1\n", None),
        ("", None),
        (None, None),
    ],
)
def test_fdinfo(text: str | None, found: RunTime | None) -> None:
    assert parse_fdinfo(text) == found


def test_nothing_is_known_while_it_is_off(kernel: Kernel) -> None:
    kernel.now(5, 5, 5)
    assert kernel.stats.add_to(Cost(cpu_ratio=0.1), 10) == Cost(cpu_ratio=0.1)
    assert kernel.opened == 0


def test_figures_are_of_the_time_between_two_readings(kernel: Kernel) -> None:
    kernel.now(1_000, 2_000, 500)
    kernel.stats.on(seen=50)
    kernel.stats.on(seen=50)
    assert (kernel.opened, kernel.is_on) == (1, True)
    kernel.now(31_000, 22_000, 10_500, runs=200)
    kernel.clock.now += 1 / 1024
    cost = kernel.stats.add_to(Cost(cpu_ratio=0.1, rss_bytes=3), 150)
    # a fault's programs only, but all of them in the whole
    assert cost == Cost(cpu_ratio=0.1, rss_bytes=3, bpf_ns_per_fault=500.0, bpf_ratio=60_000 * 1024 / 1e9)
    kernel.clock.now += 1
    cost = kernel.stats.add_to(Cost(), 150)
    assert (cost.bpf_ns_per_fault, cost.bpf_ratio) == (None, 0.0)
    kernel.stats.off()
    kernel.stats.off()
    assert not kernel.is_on
    assert kernel.stats.add_to(Cost(), 500) == Cost()


def test_after_a_pause_the_count_starts_anew(kernel: Kernel) -> None:
    kernel.now(1_000, 1_000, 0)
    kernel.stats.on(seen=10)
    kernel.stats.off()
    kernel.stats.on(seen=1_000_000)
    kernel.now(2_000, 2_000, 0, runs=200)
    kernel.clock.now += 1
    assert kernel.stats.add_to(Cost(), 1_000_010).bpf_ns_per_fault == 200.0


def test_faults_without_a_run_have_no_figure(kernel: Kernel) -> None:
    kernel.now(1_000, 1_000, 0)
    kernel.stats.on(seen=10)
    kernel.clock.now += 1
    assert kernel.stats.add_to(Cost(), 400).bpf_ns_per_fault is None


def test_a_refusal_is_named_and_not_tried_again(kernel: Kernel) -> None:
    kernel.refusal = OSError(1, "Operation not permitted")
    kernel.stats.on(seen=0)
    kernel.refusal = None
    kernel.stats.on(seen=0)
    cost = kernel.stats.add_to(Cost(rss_bytes=3), 5)
    assert (cost.rss_bytes, cost.bpf_ns_per_fault, cost.bpf_ratio, kernel.opened) == (3, None, None, 0)
    assert cost.bpf_unknown == "the kernel gives no BPF statistics: Operation not permitted"


def test_a_kernel_that_does_not_tell_is_named(kernel: Kernel) -> None:
    (kernel.directory / "21").write_text("pos:\t0\n")
    kernel.stats.on(seen=0)
    kernel.clock.now += 1
    cost = kernel.stats.add_to(Cost(), 5)
    assert (cost.bpf_ns_per_fault, cost.bpf_ratio) == (None, None)
    assert "does not tell" in cost.bpf_unknown
    assert not kernel.is_on


def test_an_unknown_machine_is_an_error_and_no_guess() -> None:
    with pytest.raises(OSError, match="vax"):
        enable("vax")
