"""Owns running one workload without a screen: ``python -m pftop.lab NAME [COUNT]``.

Warms up, says "ready", waits for a line, does the faults, says "done MINFLT MAJFLT" (its own getrusage
difference), waits for a line, ends. Workloads of invalid accesses die of their signal instead.
Exit 4 and one line "unavailable: REASON" where this machine cannot make it.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from pftop.lab.catalogue import BY_NAME
from pftop.lab.memory import ONE_ARENA, libc, settle
from pftop.lab.workload import Job, Run, Unavailable, Workload

EXIT_UNAVAILABLE = 4
WARM_UP_COUNT = 7
PR_SET_DUMPABLE, PR_SET_THP_DISABLE = 4, 41


_number = ctypes.c_ulong


def _say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


def _usage() -> tuple[int, int]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_minflt, usage.ru_majflt


def _measure(run: Run) -> str:
    before = _usage()
    run()
    after = _usage()
    return f"done {after[0] - before[0]} {after[1] - before[1]}"


def _warm_up(workload: Workload, folder: Path) -> None:
    """The whole way once, so that what Python itself needs is there."""
    if workload.fatal:
        _measure(lambda: None)
        return
    with workload.prepare(Job(min(WARM_UP_COUNT, workload.at_least), folder, warm_up=True)) as run:
        _measure(run)


def _prepare_process(workload: Workload) -> None:
    gc.disable()
    libc.mallopt(*ONE_ARENA)
    # an invalid access is meant: no core file of it
    libc.prctl(PR_SET_DUMPABLE, _number(not workload.fatal), _number(0), _number(0), _number(0))
    libc.prctl(PR_SET_THP_DISABLE, _number("thp" not in workload.needs), _number(0), _number(0), _number(0))


def _serve(workload: Workload, folder: Path) -> None:
    _warm_up(workload, folder)
    job = Job(workload.at_least, folder)
    with workload.prepare(job) as run:
        settle(job.areas)
        _measure(lambda: None)
        _say("ready")
        os.read(0, 64)
        _say(_measure(run))
        os.read(0, 64)


def serve(workload: Workload, folder: Path) -> int:
    """The protocol, once, on standard input and output; returns the exit status."""
    _prepare_process(workload)
    try:
        _serve(workload, folder)
    except Unavailable as error:
        _say(f"unavailable: {error}")
        return EXIT_UNAVAILABLE
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pftop.lab", description="Make one kind of page fault.")
    parser.add_argument("name", choices=sorted(BY_NAME))
    parser.add_argument("count", nargs="?", type=int, help="how many faults, where the workload has a choice")
    parser.add_argument("--dir", type=Path, default=Path("/var/tmp"), help="a folder on a device (default: /var/tmp)")
    options = parser.parse_args(argv)
    workload = BY_NAME[options.name]
    if options.count is not None:
        workload = workload.with_count(max(1, options.count))
    return serve(workload, options.dir)


if __name__ == "__main__":
    sys.exit(main())
