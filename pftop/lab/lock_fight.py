"""Two threads and one lock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import EXEC, PAGE, READ, WRITE, Area, libc, map_area, unmap, write_all
from pftop.lab.workload import Job, Run, Workload

BALLAST_PAGES = 4_001


class _Rival:
    """A thread that changes the rights of a whole mapping over and over: each time it holds the lock for writing."""

    def __init__(self, area: Area) -> None:
        self._area = area
        self._begin, self._busy, self._stop = threading.Event(), threading.Event(), False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        start, length = self._area.start, self._area.length
        self._begin.wait()
        while not self._stop:
            libc.mprotect(start, length, READ | WRITE | EXEC)
            libc.mprotect(start, length, READ | WRITE)
            self._busy.set()

    def begin(self) -> None:
        self._begin.set()
        self._busy.wait()

    def end(self) -> None:
        self._stop = True
        self._begin.set()
        self._thread.join()


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    area = job.keep(map_area((job.count + BALLAST_PAGES) * PAGE))
    fresh = Area(area.start, job.count * PAGE)
    # present pages at the far end give the rival something to do while it holds the lock
    write_all(Area(fresh.end, BALLAST_PAGES * PAGE))
    rival = _Rival(area)

    def run() -> None:
        rival.begin()
        write_all(fresh)
        rival.end()

    yield run
    unmap(area)


WORKLOAD = Workload(
    name="lock-fight",
    title="Threads that fight for the memory lock",
    explains=(
        "All threads of a process share one address space, and one lock on it. A thread that maps, unmaps or changes "
        "rights holds it for writing; faults of all the others wait, or on newer kernels only those on the same "
        "mapping. The faults are ordinary first touches: what grows is their latency, and the lock wait within it."
    ),
    cause="first-touch",
    kind="minor",
    access="write",
    exact=None,
    at_least=10_007,
    prepare=_prepare,
)
