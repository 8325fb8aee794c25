"""Owns the BPF program's text, its integers and its life: compile, attach a plan, detach every probe.

The text is constant for a plan and a kernel: options travel in maps. What BCC raises becomes SourceError.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pftop.events import SourceError
from pftop.source import kfuncs
from pftop.source.btf import declare
from pftop.source.header import bpf_dir, header
from pftop.source.kernel import KernelFacts
from pftop.source.plan import ARCHES, Attachment, ProbePlan

MAX_PAGES = 65536
KRETPROBE_INSTANCES = 4096
MAX_FAMILY = 65536
MIN_THREADS, MAX_THREADS = 8192, 131072
TASK_STRUCTS = {
    "task_struct": (
        "pid",
        "tgid",
        "group_leader",
        "start_boottime",
        "signal",
        "pagefault_disabled",
        "min_flt",
        "maj_flt",
    ),
    "signal_struct": ("live",),
}
VMA_STRUCTS = {
    "vm_area_struct": ("vm_start", "vm_end", "vm_flags", "vm_ops", "vm_file"),
    "file": ("f_inode",),
    "inode": ("i_sb",),
    "super_block": ("s_magic",),
}
HASTE = ("-Xclang", "-disable-llvm-passes", "-g0")
"""BCC optimises what clang hands on, which clang would have done before; and nobody reads the line numbers. Without
these compiling takes half as long again, and compiling is most of a start."""
WIRE_STRUCTS = ("thread_record", "thread_rare", "fault_event", "globals", "config", "page_count")


def map_capacity(threads: int) -> int:
    """Thread records to make room for: four times the threads there are, in powers of two."""
    capacity = MIN_THREADS
    while capacity < min(4 * threads, MAX_THREADS):
        capacity *= 2
    return capacity


def kernel_structs(facts: KernelFacts, wanted: Mapping[str, tuple[str, ...]]) -> str:
    """C text of kernel structs with just these members, from BTF; empty when one is missing."""
    if facts.btf is None:
        return ""
    members = facts.btf.members(wanted)
    if any(set(members.get(name, ())) != set(names) for name, names in wanted.items()):
        return ""
    return "".join(declare(name, members[name]) for name in wanted)


def compile_flags(
    facts: KernelFacts, capacity: int, plan: ProbePlan, *, have_task: bool, have_vma: bool, finds_vma: bool
) -> list[str]:
    """All integers the text depends on; both sides' struct sizes are checked against each other."""
    flags = [
        f"-I{bpf_dir()}",
        *HASTE,
        f"-DPFTOP_ARCH_{ARCHES[facts.arch]}",
        f"-DPFTOP_MAX_THREADS={capacity}",
        f"-DPFTOP_MAX_PAGES={MAX_PAGES}",
        f"-DPFTOP_MAX_FAMILY={MAX_FAMILY}",
        f"-DPFTOP_SEES_MM={int(plan.reads_vma)}",
        f"-DPFTOP_BY_ACCOUNT={int(plan.by_account)}",
        f"-DPFTOP_HAVE_VMA={int(have_vma)}",
        f"-DPFTOP_FINDS_VMA={int(finds_vma)}",
        f"-DPFTOP_TASK_IS_TYPED={int(have_task and facts.typed_task)}",
        f"-DPFTOP_PGFAULT={facts.pgfault or 0}",
    ]
    flags += [f"-DPFTOP_SIZE_{name.upper()}={header().structs[name].size}" for name in WIRE_STRUCTS]
    return [*flags, "-DPFTOP_HAVE_TASK"] if have_task else flags


def program_text(plan: ProbePlan, structs: str, directory: Path) -> str:
    """One C text: BCC makes probes of functions in the main text only, never of included ones."""
    files = ("fault.h", *plan.sources)
    parts = [f'#line 1 "bpf/{name}"\n{(directory / name).read_text()}' for name in files]
    return "".join(["#include <uapi/linux/ptrace.h>\n", structs, *parts])


class Program:
    """A compiled program and its attached probes. One an interpreter: BCC keeps each until exit."""

    def __init__(
        self,
        bcc: ModuleType,
        plan: ProbePlan,
        facts: KernelFacts,
        capacity: int,
        compiling: Callable[[], None] = lambda: None,
    ) -> None:
        """Compile and load; raises SourceError when clang or the kernel's verifier refuses.

        ``compiling`` is called when the compiler is about to take over.
        """
        task = kernel_structs(facts, TASK_STRUCTS)
        vma = kernel_structs(facts, VMA_STRUCTS) if plan.reads_vma or plan.by_account else ""
        have_task = bool(task)
        if plan.reads_vma and not vma:
            raise SourceError("the VMA cannot be read", "BTF lacks a member of vm_area_struct, file or inode")
        # a program of a perf event may not: the kernel runs it with interrupts off, and the lock cannot be had
        ids = kfuncs.ids_of(facts.btf) if vma and have_task and facts.typed_task and plan.by_account else ()
        structs = task + vma
        flags = compile_flags(facts, capacity, plan, have_task=have_task, have_vma=bool(vma), finds_vma=bool(ids))
        self._bcc = bcc
        self.plan = plan
        self.missing: list[str] = []
        """Optional probes that did not attach."""
        self.refusal = ""
        """Why the kernel does not let programs look for mappings, if it was asked."""
        compiling()
        try:
            self.bpf: Any = bcc.BPF(text=program_text(plan, structs, bpf_dir()), cflags=flags)
        except Exception as error:
            raise SourceError("the BPF program did not compile", str(error), "pftop doctor") from error
        self._functions = have_task
        self.finds_vma = bool(ids) and all([self._load_finder(one, ids) for one in plan.attachments])
        """Whether the mapping of a logged fault is looked for, by kernel functions that programs may call."""
        try:
            for attachment in plan.attachments:
                self._attach(attachment)
        except SourceError:
            self.detach()
            raise

    @property
    def lib(self) -> Any:
        """libbcc, for map access."""
        return self._bcc.libbcc.lib

    def table(self, name: str) -> Any:
        """A map of the program by its name in the C text."""
        return self.bpf[name.encode()]

    def rings(self, name: str) -> list[int]:
        """Descriptors of the perf buffers opened for a map, one a CPU."""
        owner = id(self.table(name))
        return [
            int(self.lib.perf_reader_fd(reader))
            for (table, _), reader in self.bpf.perf_buffers.items()
            if table == owner
        ]

    def programs(self) -> dict[str, int]:
        """Descriptors of the loaded programs, by the names of their functions."""
        return {name.decode(): int(function.fd) for name, function in self.bpf.funcs.items()}

    def entries(self) -> list[int]:
        """Descriptors of the programs that see handle_mm_fault entered."""
        return [fd for name, fd in self.programs().items() if name == "on_mm_enter" or name.startswith("kfunc__")]

    def end_events(self) -> list[int]:
        """Descriptors of the perf events that fire when a fault ends, one a CPU and event."""
        ends = {self._bcc.PerfSWConfig.PAGE_FAULTS_MIN, self._bcc.PerfSWConfig.PAGE_FAULTS_MAJ}
        opened = [fds for (_, event), fds in self.bpf.open_perf_events.items() if event in ends]
        return [int(fd) for fds in opened for fd in fds.values()]

    def _load_finder(self, attachment: Attachment, ids: tuple[int, ...]) -> bool:
        """Put calls of kernel functions in place, and load what has them; False if the kernel will not have it."""
        name = attachment.function.encode()
        start, size = (
            self.lib.bpf_function_start(self.bpf.module, name),
            self.lib.bpf_function_size(self.bpf.module, name),
        )
        if not start:
            return True
        code = (ctypes.c_uint8 * size).from_address(start)
        places = kfuncs.calls(code, header().numbers["PFTOP_KFUNC"], len(ids))
        if not places:
            return True
        kfuncs.call(code, places, ids)
        raw = attachment.kind == "raw_tracepoint"
        try:
            self.bpf.load_func(name, self._bcc.BPF.RAW_TRACEPOINT if raw else self._bcc.BPF.PERF_EVENT)
        except Exception as error:
            kfuncs.refuse(code, places)
            self.refusal = str(error)
            return False
        return True

    def _attach(self, attachment: Attachment) -> None:
        if attachment.function in ("on_newtask", "on_rename") and not self._functions:
            self.missing.append(attachment.target)
            return
        try:
            self._attach_kind(attachment)
        except Exception as error:
            if attachment.required:
                what = f"attaching {attachment.kind.replace('_', ' ')} {attachment.target} was refused"
                raise SourceError(what, str(error), "pftop doctor") from error
            self.missing.append(attachment.target)

    def _attach_kind(self, attachment: Attachment) -> None:
        function = attachment.function.encode()
        if attachment.kind == "raw_tracepoint":
            self.bpf.attach_raw_tracepoint(tp=attachment.target.encode(), fn_name=function)
        elif attachment.kind == "software_event":
            config = getattr(self._bcc.PerfSWConfig, attachment.target)
            self.bpf.attach_perf_event(
                ev_type=self._bcc.PerfType.SOFTWARE, ev_config=config, fn_name=function, sample_period=1
            )
        elif attachment.kind == "kprobe":
            self.bpf.attach_kprobe(event=attachment.target.encode(), fn_name=function)
        elif attachment.kind == "kretprobe":
            # a fault that sleeps holds an instance: the default of two a CPU would miss most of them
            event = attachment.target.encode()
            self.bpf.attach_kretprobe(event=event, fn_name=function, maxactive=KRETPROBE_INSTANCES)
        else:
            raise ValueError(f"no such kind of probe: {attachment.kind}")

    def detach(self) -> None:
        """Detach every probe, each on its own: one failure must not leave the others attached."""
        bpf = self.bpf
        for name in list(bpf.raw_tracepoint_fds):
            with contextlib.suppress(Exception):
                bpf.detach_raw_tracepoint(name)
        for event in list(bpf.kprobe_fds):
            with contextlib.suppress(Exception):
                bpf.detach_kprobe_event(event)
        for kind, config in list(bpf.open_perf_events):
            with contextlib.suppress(Exception):
                bpf.detach_perf_event(kind, config)
        with contextlib.suppress(Exception):
            bpf.cleanup()
        # BCC would run it once more at exit, and print what fails then
        atexit.unregister(bpf.cleanup)


def limits(capacity: int) -> Mapping[str, int]:
    """Bytes of kernel memory the larger maps take, by map."""
    overhead, structs = 64, header().structs
    return {
        "threads": capacity * (structs["thread_record"].size + structs["thread_rare"].size),
        "places": capacity * (8 + overhead + 4),
        "pages": MAX_PAGES * (structs["page_count"].size + overhead),
        "family": MAX_FAMILY * (8 + overhead),
    }
