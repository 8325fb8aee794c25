"""Owns the columns of the process table: titles, widths, what they mean, sort by and show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pftop import formatting
from pftop.model.shares import leading
from pftop.model.snapshot import Latency, ProcessRow

_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the process table."""

    key: str
    title: str
    width: int
    """Cells; for the last column, which takes what is left, the least it can do with."""
    align: str
    """"<" or ">", as ``text.fit`` takes it."""
    help: str
    """A few words."""
    describe: str
    """What the number means and where it comes from, in sentences."""
    value: Callable[[ProcessRow, int], Any]
    """What rows are sorted by, given the interval in ns; None where it is not known."""
    text: Callable[[ProcessRow, int], str]
    """What the cell shows, given the interval in ns; not yet cut or padded."""
    descending: bool
    """Whether the largest comes first unless reversed."""
    drop: int
    """Order of folding: the highest goes first when there is no room, 0 never."""


def _per_second(count: int | None, interval_ns: int) -> float | None:
    return None if count is None or interval_ns <= 0 else count * _NS_PER_S / interval_ns


def _stall_share(row: ProcessRow, interval_ns: int) -> float | None:
    return None if row.stall_ns is None or interval_ns <= 0 else row.stall_ns / interval_ns


def _user(row: ProcessRow, interval_ns: int) -> str | None:
    return None if row.info.user == formatting.UNKNOWN else row.info.user.casefold()


def _cause_order(row: ProcessRow, interval_ns: int) -> tuple[str, float] | None:
    """Equal causes stand together, the clearest case first."""
    found = leading(row)
    return None if found is None else (found[0], -found[1])


def _cause_text(row: ProcessRow, interval_ns: int) -> str:
    found = leading(row)
    if found is None:
        return formatting.UNKNOWN
    name, share, partial = found
    # almost all is not all
    percent = 100 if share == 1 else min(round(share * 100), 99)
    return f"{'~' if partial else ''}{name} {percent}%"


def _mean_trend(row: ProcessRow, interval_ns: int) -> float | None:
    return sum(row.trend) / len(row.trend) if row.trend else None


def _rate_column(key: str, count: Callable[[ProcessRow], int | None], help: str, describe: str, drop: int) -> Column:
    """A column of counts of the interval, shown per second."""
    return Column(
        key=key,
        title=f"{key.upper()}/s",
        width=5,
        align=">",
        help=help,
        describe=describe,
        value=lambda row, interval_ns: _per_second(count(row), interval_ns),
        text=lambda row, interval_ns: formatting.rate(_per_second(count(row), interval_ns)),
        descending=True,
        drop=drop,
    )


def _latency_column(
    key: str, title: str, part: Callable[[Latency], int | None], help: str, describe: str, drop: int
) -> Column:
    """A column of the latency since pftop started."""

    def value(row: ProcessRow, interval_ns: int) -> int | None:
        return None if row.latency_total is None else part(row.latency_total)

    return Column(
        key=key,
        title=title,
        width=6,
        align=">",
        help=help,
        describe=describe,
        value=value,
        text=lambda row, interval_ns: formatting.duration(value(row, interval_ns)),
        descending=True,
        drop=drop,
    )


COLUMNS: tuple[Column, ...] = (
    Column(
        key="pid",
        title="PID",
        width=7,
        align=">",
        help="process id",
        describe=(
            "The process id, which the kernel calls tgid: all threads of a process share it, and its "
            "faults are theirs added up. A row is one process from start to end; another that is given "
            "the same number later gets a row of its own."
        ),
        value=lambda row, interval_ns: row.pid,
        text=lambda row, interval_ns: str(row.pid),
        descending=False,
        drop=0,
    ),
    Column(
        key="user",
        title="USER",
        width=8,
        align="<",
        help="owner",
        describe="The user the process runs as: the name for its uid, or the uid where it has no name.",
        value=_user,
        text=lambda row, interval_ns: row.info.user,
        descending=False,
        drop=4,
    ),
    _rate_column(
        "min",
        lambda row: row.minor,
        "minor faults a second",
        "Minor faults a second: an access to a page that was not mapped, or not mapped with the right it "
        "needed, and that the kernel put right without reading from a disk: a new zeroed page, a copy on "
        "write, a page another process or the page cache already had in memory. The kernel calls a fault "
        "minor when handle_mm_fault finished it without VM_FAULT_MAJOR and it had not been marked as "
        "tried before (FAULT_FLAG_TRIED); its own count is minflt in /proc/PID/stat.",
        0,
    ),
    _rate_column(
        "maj",
        lambda row: row.major,
        "major faults a second",
        "Major faults a second: the page had to be read from a file or from swap, or the fault had to let "
        "go of its lock to wait, often for somebody else's read of the same page, and was tried again. "
        "The kernel calls a fault major when handle_mm_fault reported VM_FAULT_MAJOR or the fault was "
        "marked as tried before (FAULT_FLAG_TRIED); its own count is majflt in /proc/PID/stat.",
        0,
    ),
    _rate_column(
        "inv",
        lambda row: row.invalid,
        "faults answered by a signal, a second",
        "Invalid faults a second: accesses the kernel answered with SIGSEGV (no mapping there, or one "
        "without that right) or SIGBUS (a mapping with nothing behind it, such as beyond the end of its "
        "file). They count neither as minor nor as major. A program may handle the signal and go on: "
        "garbage collectors and virtual machines do so on purpose.",
        6,
    ),
    Column(
        key="stall",
        title="STALL",
        width=5,
        align=">",
        help="ms a second spent in faults",
        describe=(
            "Milliseconds per second of wall time that the process's threads spent inside page faults, "
            "added up over its threads: from the entry into the fault handler until the fault was "
            "complete, with waiting for locks, for memory and for the disk, and with the time other tasks "
            "had the CPU meanwhile. 1000 is one thread that does nothing but fault. A fault counts in the "
            "interval in which it completes."
        ),
        value=lambda row, interval_ns: row.stall_ns,
        text=lambda row, interval_ns: formatting.stall(row.stall_ns, interval_ns),
        descending=True,
        drop=0,
    ),
    Column(
        key="wall",
        title="%WALL",
        width=5,
        align=">",
        help="share of wall time in faults",
        describe=(
            "STALL as a share of wall time: 100 % is one thread stalled all the time. Several threads can "
            "stall at once, so a process may exceed 100 %, as it may exceed 100 % CPU in top. A long "
            "fault counts whole in the interval in which it completes, which can exceed 100 % too."
        ),
        value=_stall_share,
        text=lambda row, interval_ns: formatting.percent(_stall_share(row, interval_ns)),
        descending=True,
        drop=2,
    ),
    _latency_column(
        "p50",
        "p50",
        lambda latency: latency.p50_ns,
        "median latency since start",
        "The median fault latency since pftop started: half of the process's completed faults took no "
        "longer. It is read from a histogram whose buckets are at most a quarter of their lower edge wide "
        "(64 ns at the very bottom), so it is off by less than that.",
        9,
    ),
    _latency_column(
        "p99",
        "p99",
        lambda latency: latency.p99_ns,
        "99th percentile of latency since start",
        "The latency that 99 of 100 completed faults did not exceed, since pftop started; from the same "
        "histogram as p50. Far above p50 it means that a few faults wait: for a disk, for a lock, or for "
        "memory to be reclaimed.",
        1,
    ),
    _latency_column(
        "max",
        "MAX",
        lambda latency: latency.max_ns,
        "longest latency since start",
        "The longest completed fault since pftop started, kept exactly and not read from the histogram.",
        8,
    ),
    Column(
        key="rss",
        title="RSS",
        width=5,
        align=">",
        help="resident memory",
        describe=(
            "Resident set size from /proc/PID: the memory that is mapped and present now, in binary "
            "units. It grows by first touches; a process that faults much without growing reuses its "
            "pages, or reads again what was taken from it."
        ),
        value=lambda row, interval_ns: row.info.rss_bytes,
        text=lambda row, interval_ns: formatting.size(row.info.rss_bytes),
        descending=True,
        drop=10,
    ),
    Column(
        key="trend",
        title="TREND",
        width=10,
        align="<",
        help="faults a second, lately",
        describe=(
            "Minor and major faults a second over the last intervals, the newest at the right. Sorting by it "
            "sorts by their mean, which jumps less than the last interval does."
        ),
        value=_mean_trend,
        text=lambda row, interval_ns: "",
        descending=True,
        drop=5,
    ),
    Column(
        key="cause",
        title="CAUSE",
        width=11,
        align="<",
        help="what most of its fault time was for",
        describe=(
            "The cause that took most of the process's fault time since pftop started, with its share of that "
            "time; where no fault was timed, the cause of most faults. A ~ says that the causes of not all faults "
            "are told: the memcg and perf plans find them out for logged faults only, and the share is then the "
            "share among those. The names are explained under Causes."
        ),
        value=_cause_order,
        text=_cause_text,
        descending=False,
        drop=7,
    ),
    Column(
        key="command",
        title="COMMAND",
        width=18,
        align="<",
        help="command line",
        describe=(
            "The command line from /proc/PID/cmdline, or the thread name where there is none, as for kernel "
            "threads and processes that ended. The process can write anything there: what a terminal would "
            "obey or hide is spelt out."
        ),
        value=lambda row, interval_ns: row.info.command.casefold(),
        text=lambda row, interval_ns: row.info.command,
        descending=False,
        drop=0,
    ),
)
