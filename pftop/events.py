"""Owns the types that cross between layers and the protocols a source fulfils; imports no other layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from pftop.text import Safe

if TYPE_CHECKING:
    # for the type checker alone: a start has the compiler at work before it imports numpy
    import numpy as np
    import numpy.typing as npt

    from pftop.mappings import Mappings, MemoryMapping

Records: TypeAlias = "npt.NDArray[np.void]"
"""A structured array of one of the structs of ``bpf/fault.h``, one a row."""


class Threads(NamedTuple):
    """What is known of threads: their ``struct thread_record``, and ``struct thread_rare`` of those that have one."""

    records: Records
    rare: Records


class SourceError(Exception):
    """Why pftop cannot run here: what happened, why with the value read, and the command that fixes it."""

    def __init__(self, what: str, why: str, fix: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.fix = what, why, fix


class FaultKind(IntEnum):
    """How a fault ended; the numbers are ``enum fault_kind`` of ``bpf/fault.h``."""

    MINOR = 0
    MAJOR = 1
    FAILED = 2
    """Did not complete and raised no signal: a system call given a bad pointer, an interrupted retry."""
    INVALID = 3
    """Answered by SIGSEGV or SIGBUS."""


class Access(IntEnum):
    """What the instruction tried; the numbers are ``enum fault_access`` of ``bpf/fault.h``."""

    READ = 0
    WRITE = 1
    EXEC = 2


class ProcessKey(NamedTuple):
    """A process's identity: a PID alone is reused, a PID with its start time is not."""

    pid: int
    start_ns: int
    """Boot clock, ns; 0 where the kernel does not tell."""


@dataclass(frozen=True, slots=True)
class Features:
    """What the running plan can tell; what it cannot is shown as "-" and written as null."""

    latency: bool
    log: bool
    failed: bool
    access: bool
    threads: bool
    remote: bool
    lock_wait: bool
    cause: bool
    pages: bool
    missed: bool
    """Whether ends of faults may go unseen, and are counted."""
    vma: bool
    """Whether the kernel side sees the mapping, and so counts the causes itself."""
    vma_logged: bool = False
    """Whether, else, it looks for the mapping of each fault it logs."""


@dataclass(frozen=True, slots=True)
class PlanInfo:
    """The plan that runs, why no better one does, and what the next one up would add."""

    name: str
    features: Features
    why_not_better: tuple[str, ...] = ()
    next_gives: str = ""
    kernel: str = ""
    arch: str = ""
    cpus: int = 0
    host: Safe = field(default_factory=lambda: Safe(""))
    bits: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """The running kernel's own names of bits: error_code, fault_flag and vm_fault, each value to name."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one drain of the perf buffers brought: retired threads' final records and logged faults."""

    retired: Threads
    events: Records


@dataclass(frozen=True, slots=True)
class Counters:
    """The kernel-side global counters since start, summed over the CPUs (``struct globals`` of ``bpf/fault.h``)."""

    seen: int = 0
    own_seen: int = 0
    own_minor: int = 0
    own_major: int = 0
    unattributed: int = 0
    completed: int = 0
    logged: int = 0
    sampled_out: int = 0
    ring_lost: int = 0
    lost_records: int = 0
    lost_minor: int = 0
    lost_major: int = 0
    lost_failed: int = 0
    lost_latency_ns: int = 0
    orphans: int = 0
    missed: int = 0
    """Ends that went unseen; those faults are among the failed ones."""
    ends: int = 0
    pages_lost: int = 0
    family_lost: int = 0


class VmStat(NamedTuple):
    """``pgfault`` and ``pgmajfault`` of ``/proc/vmstat`` at one moment."""

    pgfault: int
    pgmajfault: int


class Pressure(NamedTuple):
    """Memory pressure, per cent of the last 10 s (``/proc/pressure/memory``)."""

    some_avg10: float
    full_avg10: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What pftop itself costs; None where it is not known."""

    cpu_ratio: float | None = None
    rss_bytes: int | None = None
    bpf_ns_per_fault: float | None = None
    """Run time of the programs a fault runs, over the faults seen; only while ``measure_cost`` is on."""
    bpf_ratio: float | None = None
    """Run time of all of pftop's programs, as a share of one CPU; likewise."""
    bpf_unknown: Safe = field(default_factory=lambda: Safe(""))
    """Why the two are not known although they were asked for."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of everything: thread records as they stand, then what the rings held after that.

    ``before`` and ``after`` bracket the reading of ``records``: a fault that falls between the two may
    be in either, so the ledgers hold within ``after.seen - before.seen`` on a busy machine and exactly
    on a quiet one.
    """

    ts_ns: int
    """By the boot clock; all that ended before is in it, and some of what ended while it was read."""
    threads: Threads
    """Valid until the sample after the next: the source reads into two buffers in turn."""
    late: Batch
    before: Counters
    after: Counters
    vmstat: VmStat | None = None
    vmstat_gap: int = 0
    """Faults that happened between the reading of vmstat and that of the counters: the bracket's width."""
    pages: Records | None = None
    """Page counts of the focused process since the last sample, or None when nothing is focused."""
    pressure: Pressure | None = None
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """What ``/proc`` says of a process; None and "-" where it does not."""

    user: Safe
    command: Safe
    """The command line, or the thread name where there is none."""
    rss_bytes: int | None = None
    alive: bool = True
    uid: int | None = None
    comm: Safe | None = None
    """The first thread's name, as the process is called."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a process is, for the drill-down; every field may be unknown."""

    exe: Safe | None = None
    cmdline: Safe | None = None
    user: Safe | None = None
    started: float | None = None
    """Seconds since the epoch."""
    threads: int | None = None
    rss_bytes: int | None = None
    swap_bytes: int | None = None
    cgroup: Safe | None = None
    ppid: int | None = None
    state: Safe | None = None


class FaultSource(Protocol):
    """Where the numbers come from. One thread calls it at a time."""

    @property
    def plan(self) -> PlanInfo:
        """The plan that runs."""

    def read(self, timeout_s: float) -> Batch:
        """Wait up to ``timeout_s`` for retired threads and logged faults."""

    def wake(self) -> None:
        """End a wait that is under way, or the next; from any thread."""

    def sample(self) -> Sample:
        """Read counters and records as they stand now."""

    def focus(self, pid: int | None) -> None:
        """Count pages for this process alone, and let its faults go first in the log."""

    def adopt(self, enabled: bool) -> None:
        """While on, a process that pftop forks becomes the head of the family that ``--`` follows."""

    def set_log_rate(self, per_second: int) -> None:
        """Bound the log, in faults a second and CPU."""

    def measure_cost(self, enabled: bool) -> None:
        """While on, samples say what the BPF programs cost; the measuring itself costs."""

    def stack(self, stack_id: int, ended_ns: int) -> tuple[int, ...]:
        """Code addresses of the user stack of an invalid fault that ended then, innermost first; empty if unknown."""

    def forget_stacks(self) -> None:
        """The stacks that were wanted have been read: room for others may be made."""

    def messages(self) -> Sequence[Safe]:
        """What libbcc and the kernel said since the last call."""

    def close(self) -> None:
        """Detach every probe; may be called twice."""


class ProcessLookup(Protocol):
    """What ``/proc`` knows of processes, mappings and symbols; bounded caches, never raises."""

    def describe(self, keys: Iterable[tuple[ProcessKey, Safe, int]]) -> Mapping[ProcessKey, ProcessInfo]:
        """User, command and RSS for each (key, comm, uid)."""

    def find(self, pids: Iterable[int]) -> Sequence[tuple[ProcessKey, Safe, int]]:
        """Key (start time as coarse as ``/proc`` tells it), name and uid of those that live."""

    def identify(self, key: ProcessKey) -> Identity:
        """Everything the drill-down says of one process."""

    def mapping(self, key: ProcessKey, address: int) -> MemoryMapping | None:
        """The mapping an address lies in."""

    def mappings(self, key: ProcessKey) -> Mappings:
        """All mappings in address order."""

    def symbol(self, key: ProcessKey, ip: int, kernel: bool) -> Safe | None:
        """Function and offset of a code address, the kernel's or the process's; None where there is no name."""


def describe_exception(error: BaseException) -> str:
    """One line for an unexpected exception: its type and first line of text, no locals."""
    text: Any = str(error).splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''}".rstrip(": ")
