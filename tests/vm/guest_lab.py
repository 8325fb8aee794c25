"""Owns the checks that causes are named: each workload of the lab, and what the lock costs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection

from pftop.lab.catalogue import WORKLOADS
from tests.live.harness import Pftop
from tests.live.labs import SETTLED_S, Seen, as_expected, as_named, causes_so_far, collect, named_by_maps

from .registry import Context, Figures, check
from .rig import HUGE_PAGES, disk, swap
from .watching import Forked, catch_up, watch_of

COUNTS = {"huge": 5, "hugetlb": HUGE_PAGES - 1, "first-touch": 5_003, "lock-fight": 5_003, "swap-in": 257}
DEFAULT = 101
"""Few enough under the perf plan for the log to have some of each."""
REFILL_S = 0.3
"""In which the log may take a burst again."""
LOCK_FACTOR = 1.5
LOCKS = ("first-touch", "lock-fight")


def prepared(context: Context, names: Collection[str]) -> list[Forked]:
    """The workloads of these names, all of them waiting for their line."""
    folder = disk(context)
    swap(context)
    counted = [work.with_count(COUNTS.get(work.name, DEFAULT)) for work in WORKLOADS if work.name in names]
    return [Forked(work, folder) for work in counted]


def run_all(watch: Pftop, programs: list[Forked]) -> dict[str, Seen]:
    """Each in turn, alone; what pftop said is read once, at the end."""
    found = {program.workload.name: Seen(program.workload, program.pid) for program in programs}
    for program in programs:
        said = program.hear()
        if said != "ready":
            found[program.workload.name].unavailable = said or "it died"
    able = [program for program in programs if not found[program.workload.name].unavailable]
    catch_up(watch)
    time.sleep(SETTLED_S)
    first, causes = len(watch.objects), {program.pid: causes_so_far(watch, program.pid) for program in able}
    for program in able:
        time.sleep(REFILL_S)
        program.tell()
        if program.workload.fatal:
            assert program.hear() == "", f"{program.workload.name} lived on"
        else:
            found[program.workload.name].usage = program.usage()
        if program.workload.kind == "failed":
            # the last one is under way until the thread's next fault, or its end
            program.tell()
    catch_up(watch)
    for program in programs:
        seen = found[program.workload.name]
        collect(watch, seen, first, causes.get(program.pid, Counter()))
        program.close()
    return found


def lock_wait(seen: Seen) -> float:
    """Nanoseconds a fault."""
    return seen.lock_wait_ns / max(1, seen.sums["minor"])


@check()
def lab_causes(context: Context) -> Figures:
    """Each workload is counted as its data says and named for what it is; the lock's share is visible."""
    watch = watch_of(context)
    found = run_all(watch, prepared(context, [work.name for work in WORKLOADS]))
    unavailable = {name: seen.unavailable for name, seen in found.items() if seen.unavailable}
    if wrong := misjudged(context, found) | lock_unseen(context, found):
        # what pftop gets wrong it gets wrong again; a disturbance of the guest does not come twice
        print("once more:", *wrong.values(), sep="\n", flush=True)
        again = run_all(watch, prepared(context, wrong))
        found |= again
        wrong = misjudged(context, again) | lock_unseen(context, found)
    assert not wrong, "\n".join(wrong.values())
    assert not unavailable, unavailable
    figures: Figures = {name: dict(seen.causes) for name, seen in found.items()}
    if context.plan != "perf":
        figures["lock_wait_ns_a_fault"] = {name: round(lock_wait(found[name])) for name in LOCKS}
    return figures


def lock_unseen(context: Context, found: dict[str, Seen]) -> dict[str, str]:
    """Both workloads that show what waiting for the lock costs, if it does not show."""
    if context.plan == "perf":
        return {}
    quiet, fight = (lock_wait(found[name]) for name in LOCKS)
    what = f"ns of waiting for the lock a fault: {quiet:.0f} alone, {fight:.0f} in a fight for it"
    return dict.fromkeys(LOCKS, what) if fight <= LOCK_FACTOR * quiet else {}


def misjudged(context: Context, found: dict[str, Seen]) -> dict[str, str]:
    """What is wrong with those that could be run, by name."""
    wrong: dict[str, str] = {}
    for name, seen in found.items():
        try:
            if not seen.unavailable:
                judge(seen, sampled=context.plan == "perf")
        except AssertionError as error:
            wrong[name] = f"{name}: {error}"
    return wrong


def judge(seen: Seen, *, sampled: bool) -> None:
    """By the data of the workload; a plan that samples knows causes of logged faults only."""
    workload = seen.workload
    if sampled and workload.perf_cause == "":
        assert sum(seen.sums.values()) == 0, seen
        return
    as_expected(seen)
    as_named(seen, named_by_maps(seen) if sampled else workload.cause, sampled=sampled)
    if workload.cause == "remote":
        assert seen.sums["remote"] == workload.exact, seen
