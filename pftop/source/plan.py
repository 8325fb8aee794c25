"""Owns the choice of a probe plan: from facts to an ordered list of plans to try. Pure; needs no kernel.

A plan is tried in earnest only by ``live``; here is decided which are worth trying, and why others are not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pftop.events import Features
from pftop.source.kernel import KernelFacts

ARCHES = {"x86_64": "X86", "riscv64": "RISCV", "aarch64": "ARM64"}
"""Machines whose fault error code the programs decode, with the name the C sources use."""
ENTRY_TRACEPOINT = "page_fault_user"
ACCOUNT_TRACEPOINT = "count_memcg_events"
HUGE_FUNCTION = "do_huge_pmd_anonymous_page"
LADDER = ("fentry", "kprobe", "memcg", "perf", "proc")

SHARED_SOURCES = (
    "maps.c",
    "mapping.c",
    "cause.c",
    "log.c",
    "account.c",
    "settle.c",
    "begin.c",
    "signal.c",
    "lifetime.c",
)

PROC_FEATURES = Features(
    latency=False,
    log=False,
    failed=False,
    access=False,
    threads=False,
    remote=False,
    lock_wait=False,
    cause=False,
    pages=False,
    missed=False,
    vma=False,
)
PERF_FEATURES = Features(
    latency=True,
    log=True,
    failed=True,
    access=True,
    threads=True,
    remote=False,
    lock_wait=False,
    cause=True,
    pages=True,
    missed=False,
    vma=False,
)
FULL_FEATURES = replace(PERF_FEATURES, remote=True, lock_wait=True, cause=True, missed=True, vma=True)
GIVES = {
    "fentry": "lock wait, retries, causes from the VMA, and faults done for get_user_pages",
    "kprobe": "lock wait, retries, causes from the VMA, and faults done for get_user_pages",
    "memcg": "a lower cost for every fault, ends that nothing else hides, and causes of logged faults from the VMA",
    "perf": "latency, stall time, invalid faults, the event log, and processes that live less than a second",
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """One probe: what kind, on what, running which function of the C sources."""

    kind: str
    """raw_tracepoint, software_event, kprobe or kretprobe; fentry and fexit attach by their names in the text."""
    target: str
    function: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """A way to see faults, ready to be tried."""

    name: str
    sources: tuple[str, ...]
    """Files under ``bpf/``, joined in this order into one text."""
    attachments: tuple[Attachment, ...]
    """In the order of attaching: what closes a fault before what opens one."""
    features: Features
    reads_vma: bool = False
    by_account: bool = False
    """A fault ends where the kernel accounts it, before its kind is told."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a plan is not, or could not be, run, and the command that would help ("" when none does)."""

    plan: str
    why: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Plans to try, best first, and the better ones that facts alone rule out."""

    plans: tuple[ProbePlan, ...]
    refusals: tuple[Refusal, ...]


def lifetime_attachments(facts: KernelFacts) -> tuple[Attachment, ...]:
    """The probes every eBPF plan shares: the ends and beginnings of threads, and signals."""
    raw = "raw_tracepoint"
    shared = [
        Attachment(raw, "sched_process_exit", "on_exit"),
        Attachment(raw, "sched_process_exec", "on_exec", required=False),
        Attachment(raw, "signal_generate", "on_signal", required=False),
    ]
    if facts.btf is not None:
        shared += [
            Attachment(raw, "task_newtask", "on_newtask", required=False),
            Attachment(raw, "task_rename", "on_rename", required=False),
        ]
    return tuple(shared)


def perf_plan(facts: KernelFacts) -> ProbePlan:
    """Entry by raw tracepoints, completion by perf software events."""
    access = ENTRY_TRACEPOINT in facts.tracepoints
    return ProbePlan(
        name="perf",
        sources=(*SHARED_SOURCES, entry_source(facts), "perf.c"),
        attachments=(
            *lifetime_attachments(facts),
            Attachment("software_event", "PAGE_FAULTS_MIN", "on_minor"),
            Attachment("software_event", "PAGE_FAULTS_MAJ", "on_major"),
            *entry_attachments(facts),
        ),
        features=replace(PERF_FEATURES, access=access, missed=facts.preemptible),
    )


def memcg_plan(facts: KernelFacts) -> ProbePlan:
    """Entry by raw tracepoints, completion by the raw tracepoint of the memory cgroup's count of faults."""
    return ProbePlan(
        name="memcg",
        sources=(*SHARED_SOURCES, entry_source(facts), "memcg.c"),
        attachments=(
            *lifetime_attachments(facts),
            Attachment("software_event", "PAGE_FAULTS_MAJ", "on_major"),
            Attachment("raw_tracepoint", ACCOUNT_TRACEPOINT, "on_account"),
            *entry_attachments(facts),
        ),
        features=PERF_FEATURES,
        by_account=True,
    )


def entry_source(facts: KernelFacts) -> str:
    """The file that sees a fault begin."""
    return "entry.c" if ENTRY_TRACEPOINT in facts.tracepoints else "entry_event.c"


def entry_attachments(facts: KernelFacts) -> tuple[Attachment, ...]:
    """What sees a fault begin, attached last: the exception's tracepoints, or the perf event where there are none."""
    if ENTRY_TRACEPOINT not in facts.tracepoints:
        return (Attachment("software_event", "PAGE_FAULTS", "on_fault_event"),)
    return (
        Attachment("raw_tracepoint", "page_fault_kernel", "on_fault_kernel"),
        Attachment("raw_tracepoint", "page_fault_user", "on_fault_user"),
    )


def fentry_plan(facts: KernelFacts) -> ProbePlan:
    """Entry by raw tracepoints, fentry and fexit on handle_mm_fault."""
    huge = ("fentry_huge.c",) if HUGE_FUNCTION in facts.functions else ()
    return ProbePlan(
        name="fentry",
        sources=(*SHARED_SOURCES, entry_source(facts), "vma.c", "fentry.c", *huge),
        attachments=(*lifetime_attachments(facts), *entry_attachments(facts)),
        features=FULL_FEATURES,
        reads_vma=True,
    )


def kprobe_plan(facts: KernelFacts) -> ProbePlan:
    """The same by kprobe and kretprobe."""
    probes = [Attachment("kretprobe", "handle_mm_fault", "on_mm_leave")]
    probes += [Attachment("kprobe", "handle_mm_fault", "on_mm_enter")]
    if HUGE_FUNCTION in facts.functions:
        probes.append(Attachment("kretprobe", HUGE_FUNCTION, "on_huge_leave", required=False))
    return ProbePlan(
        name="kprobe",
        sources=(*SHARED_SOURCES, entry_source(facts), "vma.c", "kprobe.c", "kprobe_huge.c"),
        attachments=(*lifetime_attachments(facts), *probes, *entry_attachments(facts)),
        features=FULL_FEATURES,
        reads_vma=True,
    )


PROC_PLAN = ProbePlan(name="proc", sources=(), attachments=(), features=PROC_FEATURES)


def why_no_bpf(facts: KernelFacts) -> Refusal | None:
    """The reason, common to all eBPF plans, why none can run; None when nothing speaks against trying."""
    if facts.arch not in ARCHES:
        return Refusal("perf", f"the machine is {facts.arch}; the eBPF plans know {', '.join(ARCHES)}")
    if not facts.privileged:
        who = f"effective uid {facts.euid}, capabilities BPF and PERFMON or SYS_ADMIN missing"
        return Refusal("perf", f"eBPF needs root ({who})", "sudo pftop")
    if facts.initial_pid_namespace is False:
        why = "this is a PID namespace of its own: the kernel's numbers of threads mean others, or nobody, in here"
        return Refusal("perf", why, "run it on the host, or in a container started with --pid=host")
    if facts.lockdown and "[confidentiality]" in facts.lockdown:
        return Refusal("perf", f"kernel lockdown forbids eBPF tracing (lockdown is {facts.lockdown!r})")
    if facts.btf is None and facts.tracefs is None:
        return Refusal(
            "perf",
            f"neither BTF ({facts.btf_error or 'missing'}) nor tracefs tells which tracepoints exist",
            "mount -t tracefs nodev /sys/kernel/tracing",
        )
    return None


def needs(option: str) -> str:
    """What helps where the kernel's build is the reason."""
    return f"sudo pftop takes the best plan that runs here; this one needs a kernel with CONFIG_{option}=y"


def refuse(name: str, facts: KernelFacts) -> Refusal | None:
    """Why one of the eBPF plans is not worth trying although others are; None when it is."""
    if name == "perf":
        return None
    if name == "memcg":
        return refuse_memcg(facts)
    if facts.btf is None:
        why = f"without BTF ({facts.btf_error}) the VMA's layout is not known"
        return Refusal(name, why, needs("DEBUG_INFO_BTF"))
    if name == "fentry" and facts.trampoline_error is not None:
        why = f"the kernel refuses BPF trampolines ({facts.trampoline_error})"
        return Refusal(name, why, needs("DYNAMIC_FTRACE_WITH_DIRECT_CALLS"))
    if name == "kprobe" and not facts.kprobe_pmu:
        why = "this kernel is built without kprobes (/sys/bus/event_source/devices/kprobe is missing)"
        return Refusal(name, why, needs("KPROBES"))
    return None


def refuse_memcg(facts: KernelFacts) -> Refusal | None:
    """Why completion cannot be seen where the kernel accounts faults."""
    if facts.btf is None:
        return Refusal(
            "memcg", f"without BTF ({facts.btf_error}) the task's layout is not known", needs("DEBUG_INFO_BTF")
        )
    if facts.arch != "x86_64":
        return Refusal("memcg", f"the machine is {facts.arch}; an exception's frame is known of x86_64 only")
    if not {ACCOUNT_TRACEPOINT, ENTRY_TRACEPOINT} <= facts.tracepoints or facts.pgfault is None:
        why = f"this kernel has no tracepoint {ACCOUNT_TRACEPOINT} (there since 6.13)"
        return Refusal("memcg", why, needs("MEMCG"))
    if not facts.typed_task:
        return Refusal("memcg", "programs may not follow the pointer to the current task (they may since 5.11)")
    return None


def choose(facts: KernelFacts, probe: str = "auto") -> Decision:
    """Which plans to try for ``--probe``, best first. ``proc`` always works and ends the automatic list."""
    wanted = LADDER if probe == "auto" else (probe,)
    obstacle = why_no_bpf(facts)
    plans: list[ProbePlan] = []
    refusals: list[Refusal] = []
    makers = {"fentry": fentry_plan, "kprobe": kprobe_plan, "memcg": memcg_plan, "perf": perf_plan}
    for name in wanted:
        if name == "proc":
            plans.append(PROC_PLAN)
            continue
        if obstacle is not None:
            refusal: Refusal | None = replace(obstacle, plan=name)
        else:
            refusal = refuse(name, facts)
        if refusal is not None:
            refusals.append(refusal)
        else:
            plans.append(makers[name](facts))
    return Decision(tuple(plans), tuple(refusals))
