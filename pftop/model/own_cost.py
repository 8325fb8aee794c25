"""Owns the words for what pftop itself costs, and for what it does without so as to cost less. Pure."""

from __future__ import annotations

from pftop import formatting
from pftop.events import Cost, PlanInfo
from pftop.model.snapshot import Snapshot


def asked(snapshot: Snapshot) -> bool:
    """Whether somebody wants to know: the BPF programs were measured, or a limit was set."""
    cost = snapshot.cost
    return cost.bpf_ratio is not None or bool(cost.bpf_unknown) or snapshot.restraint is not None


def per_fault(cost: Cost) -> str:
    """Run time of the BPF programs of one fault."""
    ns = cost.bpf_ns_per_fault
    return formatting.duration(None if ns is None else round(ns))


def lowered(snapshot: Snapshot) -> str:
    """What is held back; nothing while nothing is."""
    return ", ".join(snapshot.restraint.steps) if snapshot.restraint is not None else ""


def _bpf(cost: Cost, plan: PlanInfo) -> str:
    """What the BPF programs take, or why that is not known."""
    if not plan.features.log:
        return f"{formatting.UNKNOWN} (none runs in the {plan.name} plan)"
    if cost.bpf_unknown:
        return f"{formatting.UNKNOWN} ({cost.bpf_unknown})"
    if cost.bpf_ratio is None:
        return formatting.UNKNOWN
    return f"{per_fault(cost)} a fault, {formatting.percent(cost.bpf_ratio)} of one CPU"


def own_cost(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Names and figures."""
    cost, restraint = snapshot.cost, snapshot.restraint
    found = [
        ("CPU", f"{formatting.percent(cost.cpu_ratio)} of one CPU"),
        ("memory", f"{formatting.size(cost.rss_bytes)} resident"),
        ("BPF", _bpf(cost, snapshot.plan)),
    ]
    if restraint is not None:
        steps = lowered(snapshot) or "nothing"
        found.append(("lowered", f"{steps} (--max-overhead {restraint.limit_percent:g})"))
    return found
