"""Owns what is done about faults that go unseen where the kernel may be preempted at any point.

While a task is inside a system call that reads a map, the kernel runs no program of a perf event or a kprobe on
its CPU (``bpf_disable_instrumentation``, ``bpf_prog_active``). Where that task may be preempted, others run in its
place, and pftop sees their faults begin, by raw tracepoints, but not end. So pftop reads its maps as a real-time
task, which nobody preempts who is none; and as other tools read maps too, what went unseen is counted.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

LOWEST = 1
"""Real-time priority: above all tasks that have none, below all others."""
SCHED_DEADLINE = 6
CHOSEN = re.compile(r"\((\w+)\)")
SKIPPED = re.compile(rb"^recursion_misses:\s+(\d+)$", re.MULTILINE)
RESCHEDULES_LATE = ("none", "voluntary")


def is_preemptible(version: str, debugfs: Path) -> bool:
    """Whether the kernel may be preempted anywhere: by its version line, and what it was started with if told."""
    if "PREEMPT" not in version:
        return False
    try:
        chosen = CHOSEN.search((debugfs / "sched/preempt").read_text())
    except OSError:
        return True
    return chosen is None or chosen[1] not in RESCHEDULES_LATE


class Undisturbed:
    """``with`` this, the calling thread is a real-time task, if that is wanted and allowed."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._usual: tuple[int, os.sched_param] | None = None

    def __enter__(self) -> None:
        if not self._wanted:
            return
        try:
            usual, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
            if usual & ~os.SCHED_RESET_ON_FORK in (os.SCHED_FIFO, os.SCHED_RR, SCHED_DEADLINE):
                return
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(LOWEST))
        except OSError:
            # no right to, or none for this group of tasks: what goes unseen is counted
            self._wanted = False
            return
        self._usual = usual, parameters

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if self._usual is not None:
            policy, parameters = self._usual
            self._usual = None
            os.sched_setscheduler(0, policy, parameters)


class Unseen:
    """How many faults ended without pftop's program on the perf event being run: the events count those too."""

    def __init__(self, events: Sequence[int]) -> None:
        """Perf events by descriptor; read once the programs count, so that those before are not taken for unseen."""
        self._events = events
        self._before = self.read()
        self._unseen = 0

    def read(self) -> int:
        """Faults the kernel has counted, over all CPUs; costs an interrupt on each."""
        return sum(struct.unpack("<Q", os.read(event, 8))[0] for event in self._events)

    def update(self, counted: int, ends: int) -> int:
        """The most ever known to be unseen: ``ends`` were seen by a moment after ``counted`` was read."""
        self._unseen = max(self._unseen, counted - self._before - ends)
        return self._unseen


class Skipped:
    """How often programs were left out because one of their own runs was under way on that CPU.

    The kernel runs no program inside itself, CPU by CPU (``recursion_misses``, kernel/bpf/trampoline.c). A task that
    is preempted inside one of a trampoline keeps it from running for all that run in its place.
    """

    def __init__(self, programs: Sequence[int], fdinfo: Path = Path("/proc/self/fdinfo")) -> None:
        """Programs by descriptor."""
        self._files = [fdinfo / str(program) for program in programs]

    def read(self) -> int:
        """Since they were loaded; kernels before 5.12 do not tell."""
        found = (SKIPPED.search(file.read_bytes()) for file in self._files)
        return sum(int(number[1]) for number in found if number)
