"""Owns what the checks of one guest share: the pftop that watches, programs, and workloads of the lab."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pftop.lab.__main__ import serve
from pftop.lab.workload import Workload
from tests.live.harness import PROGRAMS, Json, Pftop, Program

from .registry import Context

START_S = 150.0
DELAY = "1"
OWN = Path(__file__).with_name("programs")
_running: dict[str, Pftop] = {}
_built: dict[str, Path] = {}


def watch_of(context: Context) -> Pftop:
    """The pftop of this plan: started for its first check, since a start is the dearest part of most."""
    for plan in [plan for plan in _running if plan != context.plan]:
        _running.pop(plan).close()
    known = _running.get(context.plan)
    if known is not None and known.child.poll() is not None:
        del _running[context.plan]
        known = None
    if known is None:
        known = _running[context.plan] = Pftop(probe=context.plan, delay=DELAY)
        known.wait(lambda found: found["type"] == "tick", START_S)
        assert known.objects[0]["plan"] == context.plan
    return known


def release(context: Context) -> None:
    """Forget the plan's pftop, which has ended."""
    _running.pop(context.plan).close()


def built(name: str) -> Path:
    """A C program of these tests or of the live ones as an executable."""
    if name not in _built:
        source = next(path for path in (OWN / f"{name}.c", PROGRAMS / f"{name}.c") if path.exists())
        target = Path("/run") / name
        subprocess.run(["gcc", "-O1", "-pthread", "-o", target, source], check=True)
        _built[name] = target
    return _built[name]


@contextmanager
def ready(name: str, *arguments: object) -> Iterator[Program]:
    """A C program that has said so."""
    program = Program(built(name), *map(str, arguments))
    try:
        said = program.hear()
        assert said == "ready", said
        yield program
    finally:
        program.close()


class Forked(Program):
    """A workload of the lab in a fork of this process: starting Python anew takes seconds here."""

    def __init__(self, workload: Workload, folder: Path) -> None:
        heard, said = os.pipe()
        told, tell = os.pipe()
        self.workload = workload
        self.pid = os.fork()
        if self.pid == 0:
            self._child(workload, folder, told, said)
        for fd in (said, told):
            os.close(fd)
        self._heard, self._tell = os.fdopen(heard), tell

    @staticmethod
    def _child(workload: Workload, folder: Path, told: int, said: int) -> None:
        status = 1
        try:
            os.dup2(told, 0)
            os.dup2(said, 1)
            os.closerange(3, 256)
            status = serve(workload, folder)
        finally:
            os._exit(status)

    def hear(self) -> str:
        return self._heard.readline().strip()

    def tell(self) -> None:
        os.write(self._tell, b"go\n")

    def close(self) -> None:
        """Let it end, and wait for it."""
        os.close(self._tell)
        os.waitpid(self.pid, 0)
        self._heard.close()


def rows_since(watch: Pftop, began_ns: int, until_ns: int | None = None) -> dict[tuple[int, int], Json]:
    """The last row of each process that started in that span of the boot clock."""
    found: dict[tuple[int, int], Json] = {}
    for tick in watch.ticks():
        for row in tick["processes"]:
            start = row["start_ns"] or 0
            if began_ns <= start and (until_ns is None or start < until_ns):
                found[row["pid"], start] = row
    return found


def catch_up(watch: Pftop) -> None:
    """Return when pftop has said all of what has happened: the second tick was begun after the first was read."""
    watch.next_tick()
    watch.next_tick()


def boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def python() -> str:
    return sys.executable
