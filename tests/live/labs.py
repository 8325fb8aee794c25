"""Owns running a workload of the lab under a pftop that watches, and what pftop said of just that stretch."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pftop.lab.catalogue import BY_NAME
from pftop.lab.workload import Workload
from tests.live.harness import Json, Pftop, Program

SETTLED_S = 0.3  # a process's mappings are not read anew more often than this
SUMS = ("minor", "major", "failed", "invalid", "kernel_mode", "read", "write", "exec", "stall_ns", "remote")


@dataclass(repr=False)
class Seen:
    """What pftop said of a workload between its "ready" and its "done"."""

    workload: Workload
    pid: int
    usage: tuple[int, int] | None = None  # of getrusage; None when it died of its fault
    unavailable: str = ""
    sums: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    lock_wait_ns: int = 0
    slowest_ns: int = 0
    faults: list[Json] = field(default_factory=list)

    def __repr__(self) -> str:
        kept = {name: count for name, count in self.sums.items() if count}
        odd = [fault for fault in self.faults if fault["cause"] != self.workload.cause][:3]
        said = f"{dict(self.causes)}, {len(self.faults)} logged, of other causes {odd}"
        return f"{self.workload.name}: usage {self.usage}, {kept}, {said}"

    @property
    def leading(self) -> str:
        return self.causes.most_common(1)[0][0] if self.causes else ""


def add(seen: Seen, row: Json) -> None:
    seen.sums.update({name: row[name] or 0 for name in SUMS})
    seen.lock_wait_ns += row["lock_wait_ns"] or 0
    seen.slowest_ns = max(seen.slowest_ns, (row["latency"] or {}).get("max_ns") or 0)


def causes_so_far(watch: Pftop, pid: int) -> Counter[str]:
    rows = list(watch.rows(pid))
    return Counter(rows[-1]["causes_total"] if rows else {})


def collect(watch: Pftop, seen: Seen, first: int, causes: Counter[str]) -> Seen:
    """All that came after the object at ``first``, when it had those causes."""
    # of an interval alone a cause may be known a tick before its fault is booked
    seen.causes = causes_so_far(watch, seen.pid) - causes
    for found in watch.objects[first:]:
        if found["type"] == "tick":
            for row in found["processes"]:
                if row["pid"] == seen.pid:
                    add(seen, row)
        elif found["type"] == "fault" and found["pid"] == seen.pid:
            seen.faults.append(found)
    return seen


def observe(
    watch: Pftop, start: Callable[..., Program], name: str, count: int | None = None, folder: Path | None = None
) -> Seen:
    """Run one; the watch must see every process."""
    workload = BY_NAME[name] if count is None else BY_NAME[name].with_count(count)
    arguments = [] if count is None else [str(count)]
    arguments += [] if folder is None else ["--dir", str(folder)]
    program = start(sys.executable, "-m", "pftop.lab", name, *arguments)
    seen = Seen(workload, program.pid)
    said = program.hear()
    if said.startswith("unavailable: "):
        assert program.child.wait() == 4
        seen.unavailable = said
        return seen
    assert said == "ready", said
    watch.next_tick()
    time.sleep(SETTLED_S)
    first, causes = len(watch.objects), causes_so_far(watch, seen.pid)
    program.tell()
    if workload.fatal:
        assert program.child.wait() < 0
    else:
        seen.usage = program.usage()
    if workload.kind == "failed":
        # the last one is under way until the thread's next fault, or its end
        program.tell()
        program.child.wait()
    watch.next_tick()
    # a tick's faults are written after it
    watch.next_tick()
    collect(watch, seen, first, causes)
    program.close()
    return seen


def as_expected(seen: Seen) -> None:
    """The count, the kind and the access are those of the workload's own data; the causes are the caller's."""
    workload, sums = seen.workload, seen.sums
    told = {
        "minor": sums["minor"],
        "major": sums["major"],
        "either": sums["minor"] + sums["major"],
        "failed": sums["failed"] - sums["invalid"],
        "invalid": sums["invalid"],
    }
    count = told[workload.kind]
    assert count >= workload.at_least, seen
    assert workload.exact in (None, count), seen
    assert workload.at_most is None or count <= workload.at_most, seen
    assert sums[workload.access] >= count, seen
    if workload.kind == "failed":
        return
    if seen.usage is not None:
        assert (sums["minor"], sums["major"]) == seen.usage, seen
        assert sums["minor"] + sums["major"] == sums[workload.access], seen
        assert sums["failed"] == 0, seen
    assert sums["stall_ns"] >= count * workload.latency_floor_ns, seen
    latencies = [fault["latency_ns"] for fault in seen.faults if fault["kind"] in ("minor", "major")]
    assert min(latencies, default=1 << 62) >= workload.latency_floor_ns, seen


def named_by_maps(seen: Seen) -> str:
    """What plans name that know the process's mappings only; "" for what they do not see at all."""
    workload = seen.workload
    if workload.kind == "either" and seen.sums["major"]:
        # anonymous and major: by all they know it came from swap
        return "swap-in"
    return workload.cause if workload.perf_cause is None else workload.perf_cause


def named_by_vma(seen: Seen) -> str:
    """What a plan names that looks for the VMA of logged faults, but does not see how they are handled."""
    return "userfault" if seen.workload.cause == "userfault" else named_by_maps(seen)


def as_named(seen: Seen, cause: str, *, sampled: bool = False) -> None:
    """Every one of its faults has this cause; or, where only logged ones have any, all those have."""
    if seen.workload.kind in ("failed", "invalid"):
        # a dying process may have others: whoever shows its code or walks its stack may run into more
        assert seen.causes[cause] >= (seen.workload.exact or seen.workload.at_least), seen
        return
    count = seen.sums["minor"] + seen.sums["major"]
    assert sum(seen.causes.values()) == count, seen
    if sampled:
        assert seen.causes[cause] > 0, seen
        assert set(seen.causes) <= {cause, "unknown"}, seen
        assert {fault["cause"] for fault in seen.faults} <= {cause}, seen
    elif seen.workload.exact is not None:
        assert seen.causes[cause] == count, seen
    else:
        assert seen.leading == cause, seen
