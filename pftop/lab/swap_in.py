"""Pages that come back from swap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import PAGE, PAGEOUT, advise, map_area, resident, smaps_kilobytes, unmap, write_all
from pftop.lab.workload import Job, Run, Unavailable, Workload

TRIES = 20


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    with open("/proc/swaps") as file:
        if len(file.readlines()) < 2:
            raise Unavailable("no swap is in use (/proc/swaps is empty)")
    area = job.keep(map_area(job.count * PAGE))
    write_all(area)
    for _ in range(TRIES):
        advise(area, PAGEOUT)
        if smaps_kilobytes(area, "Swap") * 1024 == area.length and not resident(area):
            break
    else:
        raise Unavailable(f"{resident(area)} of {job.count} pages could not be swapped out")
    yield lambda: write_all(area)
    unmap(area)


WORKLOAD = Workload(
    name="swap-in",
    title="Memory that was swapped out",
    explains=(
        "Memory was short, or the program asked for it with madvise(MADV_PAGEOUT): the page's contents went to swap. "
        "The next access brings it back. The kernel calls that major even where swap is compressed memory (zram, "
        "zswap), which takes microseconds rather than a disk's milliseconds: look at the latency."
    ),
    cause="swap-in",
    kind="major",
    access="write",
    exact=1_009,
    at_least=1_009,
    needs=("swap",),
    prepare=_prepare,
)
