"""Owns the files of the lab: their pages lie one by one in the page cache, or on the device only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import PAGE, READ, SHARED, Area, map_area, resident, unmap
from pftop.lab.workload import Job, Unavailable


@contextmanager
def scratch_file(job: Job, pages: int) -> Iterator[int]:
    """A file without a name; written page by page, so that none of its pages is cached in a larger unit."""
    try:
        fd, path = tempfile.mkstemp(prefix="pftop-lab-", dir=job.folder)
        os.unlink(path)
    except OSError as error:
        raise Unavailable(f"no file can be made in {job.folder}: {error.strerror}") from error
    try:
        for page in range(pages):
            os.pwrite(fd, page.to_bytes(4, "big").replace(b"\xff", b"\0") * (PAGE // 4), page * PAGE)
        os.fsync(fd)
        yield fd
    finally:
        os.close(fd)


def drop_cache(fd: int) -> None:
    """Leave the file's pages on its device only."""
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def require_dropped(job: Job, area: Area) -> None:
    """Unavailable where the file is memory itself."""
    if resident(area):
        raise Unavailable(f"files in {job.folder} stay in memory: name a folder on a device with --dir")


def require_device(job: Job) -> None:
    """Unavailable where files are memory: their faults are those of shared memory."""
    with scratch_file(job, 1) as fd:
        drop_cache(fd)
        area = map_area(PAGE, READ, SHARED, fd)
        try:
            require_dropped(job, area)
        finally:
            unmap(area)
