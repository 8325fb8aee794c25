"""Owns the frozen values a view may see: one ``Snapshot`` a tick and the log's lines between ticks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pftop.events import Access, Cost, FaultKind, Identity, PlanInfo, Pressure, ProcessInfo, ProcessKey
from pftop.mappings import MemoryMapping
from pftop.text import Safe


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency of some faults, from real buckets; a figure that does not exist is None."""

    count: int
    p50_ns: int | None = None
    p90_ns: int | None = None
    p99_ns: int | None = None
    max_ns: int | None = None
    min_ns: int | None = None
    mean_ns: int | None = None


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """One thread of a process over the interval."""

    tid: int
    comm: Safe
    minor: int
    major: int
    failed: int
    stall_ns: int | None


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process: what it did over the interval, and since pftop started (``*_total``)."""

    key: ProcessKey
    comm: Safe
    info: ProcessInfo
    uid: int
    exited: bool
    exited_at_ns: int | None
    """Boot clock, when pftop learnt of the end."""
    family: bool
    """True for the command given after ``--`` and its descendants."""
    minor: int
    major: int
    failed: int | None
    """All faults that did not complete; ``invalid`` of them raised a signal."""
    invalid: int | None
    minor_total: int
    major_total: int
    failed_total: int | None
    invalid_total: int | None
    read: int | None
    write: int | None
    exec: int | None
    kernel_mode: int | None
    stall_ns: int | None
    stall_total_ns: int | None
    lock_wait_ns: int | None
    latency: Latency | None
    """Of the interval."""
    latency_total: Latency | None
    """Since pftop started."""
    causes: Mapping[str, int] | None
    """Faults of the interval by cause; the names are those of ``pftop.causes``."""
    trend: tuple[float, ...]
    """Faults a second in the last intervals, oldest first."""
    causes_total: Mapping[str, int] | None = None
    cause_ns_total: Mapping[str, int] | None = None
    """Time by cause, since pftop started."""
    remote: int | None = None
    """Of all faults of the interval, those done for get_user_pages."""
    remote_total: int | None = None
    lock_wait_total_ns: int | None = None
    retries_total: int | None = None
    """Calls of handle_mm_fault beyond the first of a fault, since pftop started."""
    threads: tuple[ThreadRow, ...] = ()

    @property
    def pid(self) -> int:
        """The process id (tgid)."""
        return self.key.pid

    @property
    def faults(self) -> int:
        """Completed faults of the interval."""
        return self.minor + self.major


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all processes, for one interval or since start; None where the plan cannot tell."""

    seen: int
    minor: int
    major: int
    failed: int | None
    invalid: int | None
    kernel_mode: int | None
    remote: int | None
    own: int | None
    unattributed: int | None
    ended: int
    """Faults of processes that ended and have no row any more, and of threads whose last record was lost."""
    in_flight: int | None
    latency_sum_ns: int | None
    vmstat_pgfault: int | None
    vmstat_pgmajfault: int | None
    missed: int | None = None
    """Of the failed ones: what became of them was not seen, for want of a free kretprobe instance."""
    lost_records: int | None = None
    """Threads whose last record found no room in its ring: what they did since the last reading is in ``ended``."""


@dataclass(frozen=True, slots=True)
class LogCounts:
    """Where completed faults went: into the log, withheld by the rate limit, or lost to a full ring."""

    completed: int = 0
    logged: int = 0
    sampled_out: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """Two sums that must come out even: 0 and 0, or within ``slack`` while faults may go on during the reading."""

    seen_off: int = 0
    log_off: int = 0
    slack: int = 0
    quiet: tuple[int, int] = (0, 0)
    """What each was off by at the last reading that nothing explains, no fault having begun meanwhile."""

    @property
    def balanced(self) -> bool:
        """Whether both sums hold."""
        return abs(self.seen_off) <= self.slack and abs(self.log_off) <= self.slack


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """One interval of the whole machine, per second, for the header's graphs."""

    minor: float
    major: float
    invalid: float
    stall_ratio: float | None


@dataclass(frozen=True, slots=True)
class MappingRow:
    """Faults of the focused process in one of its mappings, since it was focused."""

    mapping: MemoryMapping | None
    """None: addresses in no mapping pftop can read."""
    minor: int
    major: int
    stall_ns: int


@dataclass(frozen=True, slots=True)
class ProcessDetail:
    """The drill-down's numbers for the focused process; histogram tuples have ``histogram.BUCKETS`` counts."""

    key: ProcessKey
    identity: Identity
    minor_buckets: tuple[int, ...]
    major_buckets: tuple[int, ...]
    minor_interval: tuple[int, ...]
    major_interval: tuple[int, ...]
    minor_latency: Latency
    major_latency: Latency
    all_latency: Latency
    stall_minor_ns: int
    stall_major_ns: int
    mappings: tuple[MappingRow, ...]
    mappings_since_ns: int | None
    """Boot clock when page counting began, or None when it does not run."""
    unplaced: int
    """Faults the page counter had no room for."""


@dataclass(frozen=True, slots=True)
class Restraint:
    """What ``--max-overhead`` holds back; never the counters."""

    limit_percent: float
    """Of one CPU."""
    interval_s: float
    """Seconds between snapshots as they come now."""
    steps: tuple[str, ...] = ()
    """In words; none while pftop costs less."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything of one tick."""

    seq: int
    time: float
    """Seconds since the epoch, at the reading."""
    ts_ns: int
    interval_ns: int
    elapsed_ns: int
    """Since pftop started counting."""
    plan: PlanInfo
    processes: tuple[ProcessRow, ...]
    """Every process seen to fault that lives or ended within the last seconds, in no order."""
    totals: Totals
    totals_since_start: Totals
    log: LogCounts
    log_since_start: LogCounts
    ledger: Ledger
    latency: Latency | None
    history: tuple[HistoryPoint, ...]
    pressure: Pressure | None
    cost: Cost
    coverage: float | None
    """Completed faults that pftop counted, as a share of vmstat's pgfault over the same span."""
    detail: ProcessDetail | None = None
    restraint: Restraint | None = None
    """None where no limit was set."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a user stack."""

    ip: int
    symbol: Safe | None
    mapping: MemoryMapping | None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One logged fault, resolved and safe to show."""

    ts_ns: int
    time: float
    key: ProcessKey
    tid: int
    comm: Safe
    kind: FaultKind
    access: Access
    kernel_mode: bool
    latency_ns: int | None
    address: int
    mapping: MemoryMapping | None
    ip: int
    symbol: Safe | None
    error_code: int
    signal: int
    si_code: int
    skipped: int
    """Faults on that CPU withheld from the log just before this one."""
    cause: str | None = None
    """A name of ``pftop.causes``."""
    lock_wait_ns: int | None = None
    remote: bool = False
    """Done for get_user_pages, on nobody's instruction."""
    vma: tuple[int, int, int] | None = None
    """Start, end and VM_* flags of the mapping, where the plan sees it."""
    mm_flags: int | None = None
    """FAULT_FLAG_* of the last call of handle_mm_fault, where the plan sees it; likewise the next two."""
    mm_result: int | None = None
    """VM_FAULT_* it returned."""
    mm_calls: int | None = None
    stack: tuple[Frame, ...] = ()
    """Of an invalid fault, innermost first, as far as frame pointers lead."""
    neighbours: tuple[MemoryMapping | None, MemoryMapping | None] = (None, None)
    """Of an invalid fault: the mappings next below and above the address."""

    @property
    def ip_known(self) -> bool:
        """Whether ``ip`` is one: 0 stands for none, but where somebody jumped to it."""
        jumped = self.kind == FaultKind.INVALID and self.access == Access.EXEC
        return bool(self.ip) or (jumped and not self.address)


@dataclass(frozen=True, slots=True)
class Update:
    """What one step of collecting brought to a view."""

    lines: tuple[LogLine, ...] = ()
    not_shown: int = 0
    """Logged faults of this step that were not resolved for the log, being more than anyone can read."""
    snapshot: Snapshot | None = None
    messages: tuple[Safe, ...] = field(default=())
