"""Owns the checks that counts are the kernel's: touched pages, whole lives of commands, a storm of forks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.live.harness import MAJOR, MINOR, Json, PerfCounter, Pftop, Program

from .registry import Context, Figures, check
from .watching import START_S, boot_ns, built, catch_up, python, ready, release, rows_since, watch_of

PAGES = 100_003
ROUNDS = 3
CHILDREN = 2_000
PAUSE_MS = 200
"""pftop is emulated too: some 200 ends of processes a second are what it can read here."""
GUP_AN_EXEC = 10
"""More faults than the kernel does for itself, by get_user_pages, to set up one program."""


def touched(watch: Pftop, toucher: Program) -> None:
    """The program touches PAGES pages: getrusage, perf's counters and pftop agree."""
    counters = [PerfCounter(MINOR, toucher.threads()), PerfCounter(MAJOR, toucher.threads())]
    before = last(watch, toucher.pid)
    toucher.tell()
    usage = toucher.usage()
    perf = tuple(counter.read() for counter in counters)
    catch_up(watch)
    row = last(watch, toucher.pid)
    assert usage == (PAGES, 0)
    assert perf == usage
    told = tuple(row[name] - before[name] for name in ("minor_total", "major_total", "failed_total"))
    assert told == (PAGES, 0, 0), f"{told} of {PAGES}"
    balanced_but_for_the_log(watch)


def last(watch: Pftop, pid: int) -> Json:
    return list(watch.rows(pid))[-1]


def balanced_but_for_the_log(watch: Pftop) -> None:
    """Nobody is quick here: the log may overflow, and says so; the books must balance all the same."""
    uneven = [(tick["seq"], *tick["ledger"].values()) for tick in watch.ticks() if any(off_by(tick))]
    for tick in watch.ticks():
        said = f"tick {tick['seq']} of {len(watch.ticks())}: {tick['ledger']} {tick['totals']} {tick['log']}"
        # whether it passed or stayed tells a moment's delay from a fault that was lost for good
        assert max(off_by(tick)) <= tick["ledger"]["slack"], f"{said}, uneven {uneven}"


def off_by(tick: Json) -> tuple[int, int]:
    """Faults that either ledger is off by."""
    return abs(tick["ledger"]["seen_off"]), abs(tick["ledger"]["log_off"])


@check()
def touched_pages(context: Context) -> Figures:
    watch = watch_of(context)
    for threads in (1, 16):
        with ready("touch", PAGES, threads) as toucher:
            catch_up(watch)
            touched(watch, toucher)
    return {"pages": PAGES, "threads": [1, 16], "off": 0}


@check(("perf", "kprobe"), variant="preempt")
def preempted_reader(context: Context) -> Figures:
    """Where the kernel may be preempted anywhere, pftop's own reading of its maps is not: no fault goes unseen."""
    modes = Path("/sys/kernel/debug/sched/preempt").read_text()
    assert "(full)" in modes, modes
    watch = Pftop(probe=context.plan, delay="0.1")
    try:
        watch.wait(lambda found: found["type"] == "tick", START_S)
        for _ in range(ROUNDS):
            with ready("touch", PAGES, 16) as toucher:
                catch_up(watch)
                touched(watch, toucher)
    finally:
        watch.close()
    assert {tick["totals"]["missed"] for tick in watch.ticks()} == {0}
    return {"pages": PAGES, "threads": 16, "rounds": ROUNDS, "ticks": len(watch.ticks()), "off": 0}


@check(("perf",), variant="preempt")
def others_readers(context: Context) -> Figures:
    """A stranger preempted while it reads maps of its own hides the ends of faults: they are counted as missed."""
    watch = watch_of(context)
    with ready("map_reader"), ready("touch", PAGES, 16) as toucher:
        catch_up(watch)
        before, toucher_threads = last(watch, toucher.pid), toucher.threads()
        toucher.tell()
        assert toucher.usage() == (PAGES, 0)
        catch_up(watch)
        row = last(watch, toucher.pid)
    minor, failed = (row[name] - before[name] for name in ("minor_total", "failed_total"))
    missed = sum(tick["totals"]["missed"] for tick in watch.ticks())
    balanced_but_for_the_log(watch)
    assert minor < PAGES, "the reader hid nothing: nothing is shown"
    # a thread's last one is taken for under way until it ends; those that went unseen may be others' too
    assert PAGES - minor - len(toucher_threads) <= failed, (minor, failed, missed)
    assert PAGES - minor <= missed, (minor, failed, missed)
    return {"pages": PAGES, "minor": minor, "failed": failed, "missed": missed}


@check(("fentry",), variant="preempt")
def skipped_runs(context: Context) -> Figures:
    """A task preempted inside a program keeps it from running for others: what that hides is counted as missed."""
    watch = watch_of(context)
    hidden = failed = 0
    for _ in range(ROUNDS):
        with ready("touch", PAGES, 16) as toucher:
            catch_up(watch)
            before = last(watch, toucher.pid)
            toucher.tell()
            assert toucher.usage() == (PAGES, 0)
            catch_up(watch)
            row = last(watch, toucher.pid)
            hidden += PAGES - (row["minor_total"] - before["minor_total"])
            failed += row["failed_total"] - before["failed_total"]
    missed = sum(tick["totals"]["missed"] for tick in watch.ticks())
    assert 0 <= hidden <= missed, (hidden, failed, missed)
    return {"pages": PAGES * ROUNDS, "hidden": hidden, "failed": failed, "missed": missed}


COMMANDS = {
    "shell": ["/bin/sh", "-c", "/bin/true; /bin/ls / >/dev/null; (exit 3) | /bin/cat; exit 0"],
    "python": [python(), "-c", "import json"],
    "threads": ["touch", "5003", "4"],
}


def live_and_die(argv: list[str]) -> tuple[int, int]:
    """From fork to exit, with all it waited for: wait4's own count."""
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert child.stdin
    child.stdin.write(b"go\n" * 8)
    child.stdin.close()
    usage = os.wait4(child.pid, 0)[2]
    child.returncode = 0
    return usage.ru_minflt, usage.ru_majflt


@check()
def whole_lives(context: Context) -> Figures:
    """The sum over a command and its descendants equals wait4; what get_user_pages did is shown as remote."""
    watch = watch_of(context)
    catch_up(watch)
    spans = []
    for name, argv in COMMANDS.items():
        argv = [str(built(argv[0])) if argv[0] == "touch" else argv[0], *argv[1:]]
        began = boot_ns()
        usage = live_and_die(argv)
        spans.append((name, began, boot_ns(), usage))
    catch_up(watch)
    found: Figures = {}
    for name, began, ended, usage in spans:
        rows = list(rows_since(watch, began, ended).values())
        assert all(row["exited"] for row in rows), name
        told = tuple(sum(row[key] for row in rows) for key in ("minor_total", "major_total"))
        if context.plan == "perf":
            unseen = sum(usage) - sum(told)
            assert 0 <= unseen <= GUP_AN_EXEC * len(rows), f"{name}: {told}, wait4 {usage}"
            found[name] = f"{told}, unseen {unseen}"
        else:
            remote = sum(row["remote_total"] for row in rows)
            assert told == usage, f"{name}: {told}, wait4 {usage}, remote {remote}"
            assert remote > 0, name
            found[name] = f"{told} = wait4, remote {remote}"
    return found


@check()
def fork_storm(context: Context) -> Figures:
    """None of the children is missed, none merged with another."""
    watch = watch_of(context)
    with ready("storm", CHILDREN, PAUSE_MS) as storm:
        catch_up(watch)
        began = boot_ns()
        storm.tell()
        usage = storm.usage()
        took = (boot_ns() - began) / 1e9
        catch_up(watch)
    rows = [row for row in rows_since(watch, began).values() if row["comm"] == "storm"]
    assert len(rows) == CHILDREN, f"{len(rows)} in {took:.1f} s"
    assert all(row["exited"] for row in rows)
    assert (sum(row["minor_total"] for row in rows), sum(row["major_total"] for row in rows)) == usage
    counts = sorted(row["minor_total"] for row in rows)
    assert counts[0] > counts[CHILDREN // 2] // 2
    assert counts[-1] < 2 * counts[CHILDREN // 2]
    return {"children": CHILDREN, "faults": usage, "seconds": round(took, 1)}


def books(context: Context) -> Figures:
    """At every tick of the plan's whole run both ledgers balanced; pftop ends as asked."""
    watch = watch_of(context)
    end = watch.stop()
    assert watch.child.returncode == 130
    release(context)
    balanced_but_for_the_log(watch)
    totals = end["totals"]
    uneven = [(tick["seq"], *tick["ledger"].values()) for tick in watch.ticks() if any(off_by(tick))]
    return {name: totals[name] for name in ("seen", "minor", "major", "failed", "remote", "own", "unattributed")} | {
        "ticks": len(watch.ticks()),
        "uneven": uneven,
        "log": watch.ticks()[-1]["log"],
    }
