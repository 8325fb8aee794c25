"""Owns the way from facts to a running source: choose plans, try each in earnest, keep the best that runs."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING

from pftop.events import FaultSource, PlanInfo, SourceError
from pftop.source.bcc_module import load_bcc
from pftop.source.header import bpf_dir
from pftop.source.kernel import KernelFacts
from pftop.source.machine import take_descriptors
from pftop.source.plan import ACCOUNT_TRACEPOINT, GIVES, LADDER, ProbePlan, Refusal, choose
from pftop.source.program import Program, map_capacity
from pftop.text import Safe, clean

if TYPE_CHECKING:
    from pftop.source.directory import Directory
    from pftop.source.live import LiveSource


@dataclass(frozen=True, slots=True)
class Opened:
    """A running source, and the lookup that goes with it."""

    source: FaultSource
    lookup: Directory
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the command line asks of an eBPF source."""

    log_rate: int = 1000
    min_latency_ns: int = 0
    capacity: int | None = None
    """Thread records to make room for; None: by the number of threads there are."""


def plan_info(plan: ProbePlan, facts: KernelFacts, refusals: Sequence[Refusal]) -> PlanInfo:
    """What views are told of the running plan."""
    better = LADDER[: LADDER.index(plan.name)]
    return PlanInfo(
        name=plan.name,
        features=plan.features,
        why_not_better=tuple(f"{refusal.plan}: {refusal.why}" for refusal in refusals),
        next_gives=GIVES[better[-1]] if better else "",
        kernel=facts.release,
        arch=facts.arch,
        cpus=facts.cpus,
        host=clean(facts.host, 64),
        bits=bit_names(facts),
    )


def bit_names(facts: KernelFacts) -> dict[str, dict[int, str]]:
    """What the running kernel calls the bits a fault's detail shows; without BTF nothing is known."""
    if facts.btf is None:
        return {}
    enums = {"error_code": "x86_pf_error_code", "fault_flag": "fault_flag", "vm_fault": "vm_fault_reason"}
    return {
        kind: {value: name for name, value in facts.btf.enum(enum).items() if value.bit_count() == 1}
        for kind, enum in enums.items()
    }


def open_source(
    facts: KernelFacts,
    probe: str,
    limits: Limits,
    noise: Callable[[], Sequence[Safe]],
    compiling: Callable[[], None] = lambda: None,
) -> Opened:
    """The best plan that runs; raises SourceError when a forced one does not.

    ``compiling`` is called when the compiler is about to take over. What needs numpy is imported after that.
    """
    take_descriptors()
    decision = choose(facts, probe)
    refusals = list(decision.refusals)
    bcc: ModuleType | None = None
    for plan in decision.plans:
        if plan.name == "proc":
            return _open_proc(plan, facts, refusals)
        try:
            bcc = bcc or load_bcc(bpf_dir())
            source = _open_live(bcc, plan, facts, limits, refusals, noise, compiling)
        except SourceError as error:
            caught = " · ".join(noise()[-3:])
            why = f"{error.what}: {error.why}" + (f" ({caught})" if caught else "")
            refusals.append(Refusal(plan.name, why, error.fix))
            continue
        from pftop.source.directory import Directory
        from pftop.source.symbols import Symbols

        return Opened(source, Directory(Symbols()), tuple(refusals))
    last = refusals[-1]
    raise SourceError(f"the {last.plan} plan cannot run here", last.why, last.fix)


def _open_proc(plan: ProbePlan, facts: KernelFacts, refusals: Sequence[Refusal]) -> Opened:
    from pftop.source.directory import Directory
    from pftop.source.proc import ProcSource

    return Opened(ProcSource(plan_info(plan, facts, refusals)), Directory(), tuple(refusals))


def _open_live(
    bcc: ModuleType,
    plan: ProbePlan,
    facts: KernelFacts,
    limits: Limits,
    refusals: Sequence[Refusal],
    noise: Callable[[], Sequence[Safe]],
    compiling: Callable[[], None],
) -> LiveSource:
    capacity = limits.capacity or map_capacity(facts.threads)
    program = Program(bcc, plan, facts, capacity, compiling)
    from pftop.source.live import LiveSource

    if program.refusal:
        # the verifier's own words, which libbcc prints
        noise()
    info = with_lacks(plan_info(plan, facts, refusals), program)
    try:
        source = LiveSource(
            program,
            info,
            capacity,
            log_rate=limits.log_rate,
            min_latency_ns=limits.min_latency_ns,
            noise=noise,
            # trampolines and raw tracepoints run their programs while maps are read all the same
            preemptible=facts.preemptible and plan.name not in ("fentry", "memcg"),
            skippable=facts.preemptible and plan.reads_vma,
        )
    except BaseException:
        program.detach()
        raise
    if plan.by_account and not hears_faults(source):
        source.close()
        why = f"a page pftop itself touched did not pass the tracepoint {ACCOUNT_TRACEPOINT}"
        raise SourceError("faults are not accounted to memory cgroups", why, "boot without cgroup_disable=memory")
    return source


def with_lacks(info: PlanInfo, program: Program) -> PlanInfo:
    """With what this kernel would not let the programs do."""
    lacks = list[str]()
    if program.refusal:
        lacks.append(f"without looking for mappings, so causes come from /proc: {program.refusal}")
    if program.missing:
        lacks.append(f"without optional probes: {', '.join(program.missing)}")
    features = replace(info.features, vma_logged=program.finds_vma)
    return replace(info, features=features, why_not_better=(*info.why_not_better, *lacks))


def hears_faults(source: LiveSource) -> bool:
    """Whether a fault taken here and now is seen to end."""
    before = source.own_completed()
    with mmap.mmap(-1, mmap.PAGESIZE) as page:
        page[0] = 1
    return source.own_completed() > before
