"""Owns the parsing of ``/proc/PID/stat``: fault counts, start time, memory, name.

By hand because psutil tells no fault counts in its released versions and costs an object a process; this
is read for every process once a tick.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pftop.events import ProcessKey


class ProcStat(NamedTuple):
    """The fields pftop uses; times in clock ticks since boot, faults without those of waited-for children."""

    pid: int
    comm: bytes
    state: str
    ppid: int
    minflt: int
    majflt: int
    threads: int
    start_ticks: int
    rss_pages: int


def parse_stat(data: bytes) -> ProcStat | None:
    """One ``stat`` file; None when it makes no sense. The name may hold parentheses and newlines."""
    left, right = data.find(b"("), data.rfind(b")")
    if left < 0 or right < left:
        return None
    rest = data[right + 2 :].split()
    try:
        return ProcStat(
            pid=int(data[:left]),
            comm=data[left + 1 : right],
            state=rest[0].decode("ascii", "replace"),
            ppid=int(rest[1]),
            minflt=int(rest[7]),
            majflt=int(rest[9]),
            threads=int(rest[17]),
            start_ticks=int(rest[19]),
            rss_pages=int(rest[21]),
        )
    except (IndexError, ValueError):
        return None


TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def same_process(key: ProcessKey, stat: ProcStat) -> bool:
    """Whether this ``/proc/PID/stat`` is of the process meant; its start time counts in ticks."""
    return not key.start_ns or abs(key.start_ns // TICK_NS - stat.start_ticks) <= 1


def has_ended(stat: ProcStat) -> bool:
    """Whether no thread of it runs any more; the state is the first thread's, which may end before others."""
    return stat.state == "X" or (stat.state == "Z" and stat.threads <= 1)


def read_stat(directory: Path | str) -> ProcStat | None:
    """``stat`` of one process; None when it has gone or may not be read."""
    try:
        with open(f"{directory}/stat", "rb", buffering=0) as file:
            return parse_stat(file.read(4096))
    except OSError:
        return None


def read_first_thread(root: Path | str, pid: int) -> ProcStat | None:
    """As the process's, but for the fault counts, which are the first thread's alone.

    For its own file the kernel adds up all threads under the lock that their signals and new threads take: that
    takes 3 ms where there are 10,000, and whoever is watched would wait.
    """
    # a text: to join paths costs more than to read the file
    return read_stat(f"{root}/{pid}/task/{pid}")


def read_all(root: Path = Path("/proc")) -> Iterator[tuple[ProcStat, int]]:
    """Every process that can be read, with the uid that owns it."""
    try:
        names = [name for name in os.listdir(root) if name.isdigit()]
    except OSError:
        return
    for name in names:
        stat = read_stat(root / name)
        if stat is None:
            continue
        try:
            uid = os.stat(root / name).st_uid
        except OSError:
            continue
        yield stat, uid
