"""Owns the programs that are measured: built from the C sources here, started, told to go, asked what they found."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SOURCES = Path(__file__).resolve().parent


class Lap(NamedTuple):
    """ns a fault of a thread that faults: mean wall time over the run, and CPU time of the least disturbed lap."""

    mean_ns: float
    best_ns: float
    faults: int


class Shape(NamedTuple):
    """Who faults."""

    name: str
    workers: int
    kind: str


SHAPES = (Shape("1 thread", 1, "threads"), Shape("2 threads", 2, "threads"), Shape("2 processes", 2, "processes"))


def build(name: str, directory: Path) -> Path:
    """The program, compiled once a directory."""
    target = directory / name
    if not target.exists():
        source = SOURCES / f"{name}.c"
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", target, source], check=True)
    return target


class Told:
    """A program that says a line when it is ready, and goes on when told."""

    def __init__(self, *argv: str | Path) -> None:
        self.child = subprocess.Popen(
            [str(word) for word in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.pids = [int(word) for word in self.hear().split()[1:]]

    def hear(self) -> str:
        """Its next line."""
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        assert line, f"{self.child.args!r} ended"
        return line.strip()

    def tell(self) -> None:
        """Let it go on."""
        assert self.child.stdin is not None
        self.child.stdin.write("go\n")
        self.child.stdin.flush()

    def next_phase(self) -> str:
        """Let it go on to what it says it has come to."""
        self.tell()
        return self.hear()

    def close(self) -> None:
        """End it by the end of its input; by force if that does not do."""
        assert self.child.stdin is not None
        with contextlib.suppress(OSError):
            self.child.stdin.close()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        assert self.child.stdout is not None
        self.child.stdout.close()


class FaultLoop(Told):
    """``pfgen``: faults as fast as can be, for some seconds."""

    def __init__(self, directory: Path, seconds: float, shape: Shape = SHAPES[0]) -> None:
        super().__init__(build("pfgen", directory), str(seconds), str(shape.workers), shape.kind)

    def run(self) -> Lap:
        """From start to end."""
        self.tell()
        mean, best, faults = self.hear().split()
        self.close()
        return Lap(float(mean), float(best), int(faults))


@contextlib.contextmanager
def saturated(directory: Path, processes: int) -> Iterator[list[int]]:
    """That many processes which fault without end; yields their pids."""
    loops = [FaultLoop(directory, 1e6) for _ in range(processes)]
    try:
        for loop in loops:
            loop.tell()
        yield [pid for loop in loops for pid in loop.pids]
    finally:
        for loop in loops:
            loop.child.kill()
            loop.close()


@contextlib.contextmanager
def sleepers(directory: Path, count: int, kind: str = "threads", period_ms: int = 1000) -> Iterator[Told]:
    """So many threads or processes, waiting to be told first to fault once, then to fault once a period."""
    program = Told(build("sleepers", directory), str(count), kind, str(period_ms))
    try:
        yield program
    finally:
        program.close()
