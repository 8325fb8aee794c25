"""Owns ``pftop doctor``: each thing pftop needs as a line with the value read and the command that mends it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pftop.events import SourceError
from pftop.source.bcc_module import find_bcc, install_hint
from pftop.source.kernel import TRACEPOINTS, KernelFacts, gather, mount_tracefs
from pftop.source.machine import PAGE_BYTES
from pftop.source.noise import NoiseTrap
from pftop.source.open import Limits, Opened, open_source
from pftop.source.plan import GIVES, LADDER
from pftop.source.program import limits, map_capacity
from pftop.source.rings import LOG_RING_BYTES, RETIRED_RING_BYTES, ring_pages

FINE, DEGRADED, MISSING = "fine", "degraded", "missing"
EXIT_FINE, EXIT_CANNOT, EXIT_DEGRADED = 0, 3, 4
MARKS = {FINE: "ok  ", DEGRADED: "warn", MISSING: "FAIL"}


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    name: str
    value: str
    """What was read."""
    status: str
    meaning: str = ""
    fix: str = ""


def check_rights(facts: KernelFacts) -> Check:
    """Root, or the capabilities that stand for it."""
    names = ", ".join(sorted(facts.capabilities)) or "none"
    value = f"euid {facts.euid}, capabilities {names}"
    if facts.privileged:
        return Check("rights", value, FINE)
    return Check("rights", value, MISSING, "eBPF needs root; without it only /proc rates are shown", "sudo pftop")


def check_btf(facts: KernelFacts) -> Check:
    """Struct layouts of the running kernel; they replace its headers."""
    if facts.btf is not None:
        return Check("BTF", "/sys/kernel/btf/vmlinux readable", FINE)
    meaning = "process start times and renames are not known; use a kernel with CONFIG_DEBUG_INFO_BTF"
    return Check("BTF", facts.btf_error or "missing", DEGRADED, meaning)


def check_bcc() -> Check:
    """The distribution's BCC module."""
    found = find_bcc()
    if found is None:
        return Check("BCC", "not found", MISSING, "needed for every eBPF plan", install_hint())
    return Check("BCC", f"{found.version or 'version unknown'} at {found.path}", FINE)


def check_tracepoints(facts: KernelFacts) -> list[Check]:
    """What a fault's beginning and a thread's end are seen by."""
    need = ("page_fault_user", "page_fault_kernel", "sched_process_exit")
    absent = [name for name in need if name not in facts.tracepoints]
    value = f"{len(facts.tracepoints)} of {len(TRACEPOINTS)} used"
    value += f", without {', '.join(absent)}" if absent else ""
    status = MISSING if absent else FINE
    points = Check("tracepoints", value, status, "needed for every eBPF plan" if absent else "")
    if facts.tracefs is not None:
        return [points, Check("tracefs", str(facts.tracefs), FINE)]
    fix = "mount -t tracefs nodev /sys/kernel/tracing"
    status = DEGRADED if facts.btf is None else FINE
    return [points, Check("tracefs", "not mounted", status, "not needed where BTF is readable", fix)]


def check_restrictions(facts: KernelFacts) -> list[Check]:
    """What may forbid it all the same."""
    checks = []
    if facts.lockdown is not None:
        locked = "[confidentiality]" in facts.lockdown
        meaning = "kernel lockdown forbids eBPF tracing; it is set by the boot loader or Secure Boot"
        checks.append(Check("lockdown", facts.lockdown, MISSING if locked else FINE, meaning if locked else ""))
    if facts.initial_pid_namespace is False:
        meaning = "the kernel's numbers of threads mean nothing in here: rates only"
        fix = "run it on the host, or in a container started with --pid=host"
        checks.append(Check("PID namespace", "not the initial one", MISSING, meaning, fix))
    if facts.time_offset:
        checks.append(Check("time namespace", "boot clock offset", DEGRADED, "wall times may be off by the offset"))
    if facts.wsl:
        checks.append(Check("WSL", facts.release, FINE, "no kernel headers are needed"))
    return checks


def ring_bytes(cpus: int) -> int:
    """Kernel memory of the rings of all CPUs, the page in front of each included."""
    pages = sum(ring_pages(total, cpus) + 1 for total in (LOG_RING_BYTES, RETIRED_RING_BYTES))
    return pages * PAGE_BYTES * cpus


def check_machine(facts: KernelFacts) -> list[Check]:
    """The machine, and what pftop would take of it."""
    capacity = map_capacity(facts.threads)
    maps, rings = sum(limits(capacity).values()), ring_bytes(facts.cpus)
    share = (maps + rings) / facts.memory_bytes if facts.memory_bytes else 0
    value = (
        f"{(maps + rings) / 2**20:.0f} MiB, {share:.2%} of memory: maps {maps / 2**20:.0f} MiB for {capacity} threads"
    )
    value += f" ({facts.threads} now), rings {rings / 2**20:.0f} MiB for {facts.cpus} CPUs"
    pressure = "readable" if facts.pressure else "not readable"
    return [
        Check("kernel", f"{facts.release} {facts.arch}, {facts.cpus} CPUs", FINE),
        Check("kernel memory", value, FINE),
        Check("memory pressure", pressure, FINE, "" if facts.pressure else "boot with psi=1 to see it"),
    ]


def try_plans(facts: KernelFacts) -> tuple[list[Check], str]:
    """Attach the best plan for real, and say why better ones do not run; returns checks and the plan's name."""
    trap = NoiseTrap()
    opened: Opened | None = None
    try:
        opened = open_source(facts, "auto", Limits(), trap.lines)
        refusals, name = opened.refusals, opened.source.plan.name
    except SourceError as error:
        return [Check("plan", error.what, MISSING, error.why, error.fix)], ""
    finally:
        if opened is not None:
            opened.source.close()
        trap.restore()
    checks = [Check(f"plan {name}", "attached and detached", FINE if name != "proc" else DEGRADED)]
    seen: set[str] = set()
    for refusal in refusals:
        if refusal.why not in seen:
            seen.add(refusal.why)
            value = f"does not run; would add {GIVES[refusal.plan]}"
            checks.append(Check(f"plan {refusal.plan}", value, DEGRADED, refusal.why, refusal.fix))
    return checks, name


def examine() -> tuple[list[Check], str]:
    """All checks, and the plan that runs."""
    tracefs_error = mount_tracefs()
    facts = gather()
    checks = [*check_machine(facts), check_rights(facts), check_btf(facts), check_bcc()]
    checks += [*check_tracepoints(facts), *check_restrictions(facts)]
    if tracefs_error and facts.privileged:
        checks.append(Check("mounting tracefs", tracefs_error, DEGRADED))
    plans, name = try_plans(facts)
    return [*checks, *plans], name


def exit_status(plan: str) -> int:
    """0 when the best plan there is runs, 4 when a lesser one does, 3 when pftop cannot do its work."""
    if plan == LADDER[0]:
        return EXIT_FINE
    return EXIT_DEGRADED if plan else EXIT_CANNOT


def print_report(checks: Sequence[Check]) -> None:
    """A line a check; what it means and what mends it below."""
    width = max(len(check.name) for check in checks)
    for check in checks:
        print(f"{MARKS[check.status]}  {check.name:<{width}}  {check.value}")
        for label, text in (("", check.meaning), ("fix: ", check.fix)):
            if text:
                print(f"      {'':<{width}}  {label}{text}")


def main(*, as_json: bool) -> int:
    """Print the report; returns the exit status."""
    checks, plan = examine()
    status = exit_status(plan)
    if as_json:
        found = {"plan": plan or None, "status": status, "checks": [asdict(check) for check in checks]}
        print(json.dumps(found, indent=2))
        return status
    print_report(checks)
    verdict = {
        EXIT_FINE: "everything runs",
        EXIT_DEGRADED: f"runs by the {plan} plan",
        EXIT_CANNOT: "cannot run here",
    }
    print(f"\n{verdict[status]}")
    return status
