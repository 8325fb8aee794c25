"""From facts to plans: what is tried, in which order, and why the rest is not. No kernel is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pftop.arguments import PROBES
from pftop.source.header import bpf_dir
from pftop.source.kernel import TRACEPOINTS, KernelFacts
from pftop.source.plan import GIVES, LADDER, Decision, ProbePlan, choose
from tests.unit.test_btf import Blob

ROOT = KernelFacts(
    release="6.12.1",
    arch="x86_64",
    cpus=2,
    host="box",
    euid=0,
    capabilities=frozenset({"SYS_ADMIN", "BPF", "PERFMON"}),
    btf=Blob().read(),
    btf_error="",
    tracepoints=frozenset(TRACEPOINTS),
    functions=frozenset({"handle_mm_fault"}),
    trampoline_error=None,
    kprobe_pmu=True,
    tracefs=Path("/sys/kernel/tracing"),
    lockdown=None,
    perf_event_paranoid=2,
    unprivileged_bpf_disabled=2,
    typed_task=True,
    pgfault=23,
    initial_pid_namespace=True,
    time_offset=False,
    threads=300,
    memory_bytes=1 << 30,
    pressure=True,
    wsl=False,
    preemptible=False,
)
NO_BTF = replace(ROOT, btf=None, btf_error="No such file or directory")


def names(decision: Decision) -> list[str]:
    return [plan.name for plan in decision.plans]


def why(decision: Decision) -> dict[str, str]:
    return {refusal.plan: refusal.why for refusal in decision.refusals}


def test_where_everything_runs_all_plans_are_tried_best_first() -> None:
    decision = choose(ROOT)
    assert (names(decision), decision.refusals) == (list(LADDER), ())


def test_the_command_line_names_the_plans_there_are() -> None:
    assert ("auto", *LADDER) == PROBES
    assert set(GIVES) == set(LADDER) - {"proc"}


@pytest.mark.parametrize(
    ("facts", "reason", "fix"),
    [
        (replace(ROOT, euid=1000, capabilities=frozenset()), "needs root (effective uid 1000", "sudo pftop"),
        (replace(ROOT, capabilities=frozenset({"BPF"})), "needs root", "sudo pftop"),
        (replace(ROOT, lockdown="none integrity [confidentiality]"), "lockdown", ""),
        (replace(NO_BTF, tracefs=None), "neither BTF (No such file or directory) nor tracefs", "mount -t tracefs"),
        (replace(ROOT, initial_pid_namespace=False), "PID namespace", "run it on the host"),
        (replace(ROOT, arch="s390x"), "the machine is s390x", ""),
    ],
)
def test_what_stops_every_ebpf_plan_leaves_proc_with_reason_and_fix(
    facts: KernelFacts, reason: str, fix: str
) -> None:
    decision = choose(facts)
    assert names(decision) == ["proc"]
    assert [refusal.plan for refusal in decision.refusals] == ["fentry", "kprobe", "memcg", "perf"]
    for refusal in decision.refusals:
        assert reason in refusal.why
        assert refusal.fix.startswith(fix)
        assert bool(refusal.fix) == bool(fix)


def test_without_the_entry_tracepoint_a_perf_event_sees_faults_begin() -> None:
    decision = choose(replace(ROOT, arch="aarch64", tracepoints=ROOT.tracepoints - {"page_fault_user"}))
    assert names(decision) == ["fentry", "kprobe", "perf", "proc"]
    for plan in decision.plans[:-1]:
        assert "entry_event.c" in plan.sources
        assert "entry.c" not in plan.sources
        last = plan.attachments[-1]
        assert (last.kind, last.target) == ("software_event", "PAGE_FAULTS")
    perf = next(plan for plan in decision.plans if plan.name == "perf")
    # the event does not tell the error code, so what the instruction tried is not known
    assert not perf.features.access


@pytest.mark.parametrize("lockdown", ["[none] integrity confidentiality", "none [integrity] confidentiality", None])
def test_lesser_lockdown_forbids_nothing(lockdown: str | None) -> None:
    assert names(choose(replace(ROOT, lockdown=lockdown))) == list(LADDER)


def test_bpf_and_perfmon_stand_for_root() -> None:
    facts = replace(ROOT, euid=1000, capabilities=frozenset({"BPF", "PERFMON"}))
    assert names(choose(facts)) == list(LADDER)


def test_without_btf_the_perf_plan_runs_by_tracefs() -> None:
    decision = choose(NO_BTF)
    assert names(decision) == ["perf", "proc"]
    assert all("BTF" in why(decision)[name] for name in ("fentry", "kprobe"))
    assert "memcg" in why(decision)
    targets = {attachment.target for attachment in decision.plans[0].attachments}
    assert targets.isdisjoint({"task_newtask", "task_rename"})


def test_a_refused_trampoline_rules_out_fentry_alone() -> None:
    decision = choose(replace(ROOT, trampoline_error="Operation not permitted"))
    assert names(decision) == ["kprobe", "memcg", "perf", "proc"]
    assert "Operation not permitted" in why(decision)["fentry"]


def test_a_kernel_without_kprobes_rules_out_kprobe_alone() -> None:
    decision = choose(replace(ROOT, kprobe_pmu=False))
    assert names(decision) == ["fentry", "memcg", "perf", "proc"]
    assert "kprobe" in why(decision)["kprobe"]


@pytest.mark.parametrize("probe", LADDER)
def test_a_forced_plan_is_tried_alone(probe: str) -> None:
    decision = choose(ROOT, probe)
    assert (names(decision), decision.refusals) == ([probe], ())


@pytest.mark.parametrize("probe", ["fentry", "kprobe", "memcg", "perf"])
def test_a_forced_plan_that_cannot_run_leaves_nothing_but_its_reason(probe: str) -> None:
    decision = choose(replace(ROOT, euid=1000, capabilities=frozenset()), probe)
    assert (names(decision), [refusal.plan for refusal in decision.refusals]) == ([], [probe])


def test_proc_can_be_forced_anywhere() -> None:
    assert names(choose(replace(NO_BTF, arch="s390x", capabilities=frozenset()), "proc")) == ["proc"]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (replace(ROOT, arch="riscv64"), "riscv64"),
        (replace(ROOT, tracepoints=ROOT.tracepoints - {"count_memcg_events"}), "no tracepoint count_memcg_events"),
        (replace(ROOT, pgfault=None), "no tracepoint count_memcg_events"),
        (replace(ROOT, typed_task=False), "current task"),
    ],
)
def test_memcg_alone_is_ruled_out_by_what_it_alone_needs(facts: KernelFacts, reason: str) -> None:
    decision = choose(facts)
    assert names(decision) == ["fentry", "kprobe", "perf", "proc"]
    assert reason in why(decision)["memcg"]


def planned() -> list[ProbePlan]:
    return [plan for facts in (ROOT, NO_BTF) for plan in choose(facts).plans if plan.sources]


@pytest.mark.parametrize("plan", planned(), ids=lambda plan: str(plan.name))
def test_a_plans_sources_exist_and_hold_its_functions(plan: ProbePlan) -> None:
    text = "".join((bpf_dir() / name).read_text() for name in plan.sources)
    for attachment in plan.attachments:
        assert f"int {attachment.function}(" in text, attachment
        if attachment.kind == "raw_tracepoint":
            assert attachment.target in TRACEPOINTS


@pytest.mark.parametrize("plan", planned(), ids=lambda plan: str(plan.name))
def test_what_closes_a_fault_is_attached_before_what_opens_one(plan: ProbePlan) -> None:
    order = [attachment.target for attachment in plan.attachments]
    assert set(order[-2:]) == {"page_fault_user", "page_fault_kernel"}
    assert order.index("sched_process_exit") < order.index("page_fault_user")


def test_a_lesser_plan_promises_no_more_than_a_better_one() -> None:
    full, memcg, perf, proc = (choose(ROOT, name).plans[0].features for name in ("fentry", "memcg", "perf", "proc"))
    for better, lesser in ((full, memcg), (memcg, perf), (perf, proc)):
        for name in better.__dataclass_fields__:
            assert getattr(better, name) >= getattr(lesser, name), name
