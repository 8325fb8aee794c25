"""The user stacks of invalid faults are those of these very faults, and there is room for those that are shown."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.harness import PLANS, ROOT

ROUNDS, DEPTH = 40_000, 16
"""Rounds of astray.c, fewer than the ways there are at its depth, so that no stack comes again."""
LEAST_LINES, LEAST_SHARE = 50, 0.3
WATCH = """
import subprocess, sys
from pftop.model.collect import Collector
from pftop.source.kernel import gather
from pftop.source.open import Limits, open_source

opened = open_source(gather(), sys.argv[1], Limits(), lambda: ())
feed = Collector(opened.source, opened.lookup)
with subprocess.Popen(sys.argv[2:]) as child:
    while child.poll() is None:
        for line in feed.step(0.1).lines:
            if line.key.pid == child.pid and line.kind.name == "INVALID":
                names = [(frame.symbol or "-").partition("+")[0] for frame in line.stack]
                print(line.address, *names)
feed.close()
"""


def way_to(address: int) -> list[str]:
    """The functions astray.c goes through to an address, innermost first."""
    bits = f"{address >> 2:0{DEPTH}b}"
    return ["touch", *("left" if bit == "1" else "right" for bit in reversed(bits)), "main"]


@pytest.mark.parametrize("plan", PLANS)
def test_in_a_loop_of_ever_different_crashes_no_stack_is_anothers(plan: str, build: Callable[[str], Path]) -> None:
    command = [sys.executable, "-c", WATCH, plan, str(build("astray")), str(ROUNDS)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    found = [(int(address), names) for address, *names in map(str.split, run.stdout.splitlines())]
    told = [(address, names) for address, names in found if names]
    assert len(found) >= LEAST_LINES
    for address, names in told:
        assert names[: DEPTH + 2] == way_to(address)
    # each is another; with room made in time most of those shown are there
    assert len(told) >= LEAST_SHARE * len(found)
