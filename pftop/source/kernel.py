"""Owns the facts about this machine that decide what pftop can do; it reads and never decides.

Everything is asked of the kernel itself (BTF, tracefs, sysfs, ``/proc``), never derived from a version.
``root`` is there so that tests can point the readers at a made-up tree.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from pftop.source.btf import Btf, BtfError
from pftop.source.preemption import is_preemptible
from pftop.source.trampoline import try_fentry

INITIAL_PID_NAMESPACE = "pid:[4026531836]"
TRACEPOINTS = (
    "page_fault_user",
    "page_fault_kernel",
    "count_memcg_events",
    "signal_generate",
    "sched_process_exit",
    "sched_process_exec",
    "task_newtask",
    "task_rename",
)
CAPABILITIES = {"SYS_PTRACE": 19, "SYS_ADMIN": 21, "SYS_RESOURCE": 24, "PERFMON": 38, "BPF": 39}
FUNCTIONS = ("handle_mm_fault", "do_huge_pmd_anonymous_page", "bpf_trampoline_link_prog")


@dataclass(frozen=True, slots=True)
class KernelFacts:
    """What was read. None stands for "could not be read"."""

    release: str
    arch: str
    cpus: int
    host: str
    euid: int
    capabilities: frozenset[str]
    btf: Btf | None
    btf_error: str
    tracepoints: frozenset[str]
    functions: frozenset[str]
    """Of ``FUNCTIONS``, those the kernel's BTF knows."""
    trampoline_error: str | None
    """Why an fentry program cannot be attached to handle_mm_fault; None when one was, in earnest."""
    kprobe_pmu: bool
    tracefs: Path | None
    lockdown: str | None
    perf_event_paranoid: int | None
    unprivileged_bpf_disabled: int | None
    typed_task: bool
    """Whether programs may follow a pointer to the current task by plain loads."""
    pgfault: int | None
    """The number of PGFAULT among the kernel's events of virtual memory."""
    initial_pid_namespace: bool | None
    time_offset: bool
    threads: int
    memory_bytes: int
    pressure: bool
    wsl: bool
    preemptible: bool
    """Whether a task may be preempted inside the kernel at any point; taken for so where that is not told."""

    @property
    def privileged(self) -> bool:
        """Whether loading and attaching BPF programs is allowed as far as capabilities go."""
        caps = self.capabilities
        return "SYS_ADMIN" in caps or {"BPF", "PERFMON"} <= caps


def read_text(path: Path) -> str | None:
    """A small file's text, or None when it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    """A number in a file, or None."""
    text = read_text(path)
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def effective_capabilities(status: str | None) -> frozenset[str]:
    """The capabilities pftop cares for, from the text of ``/proc/self/status``."""
    for line in (status or "").splitlines():
        if line.startswith("CapEff:"):
            bits = int(line.split()[1], 16)
            return frozenset(name for name, bit in CAPABILITIES.items() if bits >> bit & 1)
    return frozenset()


def find_tracefs(root: Path) -> Path | None:
    """Where tracefs is mounted, if its events can be listed."""
    for place in ("sys/kernel/tracing", "sys/kernel/debug/tracing"):
        try:
            if (root / place / "events").is_dir():
                return root / place
        except OSError:
            continue
    return None


def total_threads(root: Path) -> int:
    """Threads on the machine, the fourth field of ``/proc/loadavg``."""
    fields = (read_text(root / "proc/loadavg") or "").split()
    try:
        return int(fields[3].split("/")[1])
    except (IndexError, ValueError):
        return 0


def has_time_offset(root: Path) -> bool:
    """Whether this is a time namespace whose clocks differ from the kernel's."""
    for line in (read_text(root / "proc/self/timens_offsets") or "").splitlines():
        fields = line.split()
        if fields[:1] in (["boottime"], ["monotonic"]) and fields[1:] not in (["0", "0"], []):
            return True
    return False


def _load_btf(root: Path) -> tuple[Btf | None, str]:
    try:
        return Btf.of_kernel(root / "sys/kernel/btf/vmlinux"), ""
    except OSError as error:
        return None, error.strerror or str(error)
    except BtfError as error:
        return None, str(error)


def _try_trampoline(btf: Btf | None, capabilities: frozenset[str], arch: str) -> str | None:
    """See ``KernelFacts.trampoline_error``; attaches and detaches a program that does nothing."""
    if btf is None:
        return "no BTF"
    if "SYS_ADMIN" not in capabilities and not {"BPF", "PERFMON"} <= capabilities:
        return "not privileged"
    function = btf.function_id("handle_mm_fault")
    return try_fentry(function, arch) if function is not None else "BTF has no function handle_mm_fault"


def _tracepoints(btf: Btf | None, tracefs: Path | None) -> frozenset[str]:
    """The tracepoints pftop uses that this kernel has; BTF knows them even where tracefs is not mounted."""
    if btf is not None:
        return frozenset(name for name in TRACEPOINTS if btf.has_name(f"btf_trace_{name}"))
    if tracefs is None:
        return frozenset()
    groups = ("exceptions", "signal", "sched", "task")
    return frozenset(
        name for name in TRACEPOINTS if any((tracefs / "events" / group / name).is_dir() for group in groups)
    )


def gather(root: Path = Path("/")) -> KernelFacts:
    """Read everything, in about 0.1 s, of which BTF takes most."""
    btf, btf_error = _load_btf(root)
    tracefs = find_tracefs(root)
    names = platform.uname()
    namespace = None
    with contextlib.suppress(OSError):
        namespace = os.readlink(root / "proc/self/ns/pid") == INITIAL_PID_NAMESPACE
    capabilities = effective_capabilities(read_text(root / "proc/self/status"))
    meminfo = (read_text(root / "proc/meminfo") or "").split()
    return KernelFacts(
        release=names.release,
        arch=names.machine,
        cpus=os.cpu_count() or 1,
        host=names.node,
        euid=os.geteuid(),
        capabilities=capabilities,
        btf=btf,
        btf_error=btf_error,
        tracepoints=_tracepoints(btf, tracefs),
        functions=frozenset(name for name in FUNCTIONS if btf is not None and btf.has_name(name)),
        trampoline_error=_try_trampoline(btf, capabilities, names.machine),
        kprobe_pmu=(root / "sys/bus/event_source/devices/kprobe").exists(),
        tracefs=tracefs,
        lockdown=read_text(root / "sys/kernel/security/lockdown"),
        perf_event_paranoid=read_int(root / "proc/sys/kernel/perf_event_paranoid"),
        unprivileged_bpf_disabled=read_int(root / "proc/sys/kernel/unprivileged_bpf_disabled"),
        typed_task=btf is not None and btf.has_name("BPF_FUNC_get_current_task_btf"),
        pgfault=btf.enum("vm_event_item").get("PGFAULT") if btf is not None else None,
        initial_pid_namespace=namespace,
        time_offset=has_time_offset(root),
        threads=total_threads(root),
        memory_bytes=int(meminfo[1]) * 1024 if len(meminfo) > 1 else 0,
        pressure=read_text(root / "proc/pressure/memory") is not None,
        wsl="microsoft" in names.release.lower(),
        preemptible=is_preemptible(names.version, root / "sys/kernel/debug"),
    )


def mount_tracefs(root: Path = Path("/")) -> str | None:
    """Mount tracefs where root finds it missing; returns why that failed, None when it is there."""
    if find_tracefs(root) is not None:
        return None
    if os.geteuid() != 0:
        return "not root"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"nodev", b"/sys/kernel/tracing", b"tracefs", 0, None) < 0:
        return os.strerror(ctypes.get_errno())
    return None
