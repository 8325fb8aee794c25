"""Owns the checks on a slow device: latencies of major faults are its delay, and none is missed in a crowd."""

from __future__ import annotations

import os
from pathlib import Path

from tests.live.harness import Json, Pftop, Program

from .registry import Context, Figures, check
from .rig import DELAY_MS, slow_disk
from .watching import catch_up, ready, watch_of

PAGES = 53
SLEEPERS = 200
EARLY_MS, LATE_MS = 4, 30
"""The device counts in ticks of the kernel's timer; queues and an emulated processor add to it on average."""


def cold_file(context: Context, pages: int) -> Path:
    """A file none of whose pages are in memory."""
    path = slow_disk(context) / f"{context.plan}-{pages}"
    fd = os.open(path, os.O_CREAT | os.O_RDWR)
    for page in range(pages):
        os.pwrite(fd, bytes(4096), page * 4096)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)
    return path


def booked(watch: Pftop, pid: int) -> Json:
    """The process's totals so far."""
    rows = list(watch.rows(pid))
    names = ("major_total", "failed_total")
    return {name: rows[-1][name] if rows else 0 for name in names} | {
        "file_ns": rows[-1]["cause_ns_total"].get("file-read", 0) if rows else 0,
        "max_ns": max((row["latency"]["max_ns"] or 0 for row in rows if row["major"]), default=0),
    }


def slow(watch: Pftop, program: Program) -> tuple[int, Json]:
    """Let it do its faults; its own count of major ones, and what pftop booked of them."""
    catch_up(watch)
    before = booked(watch, program.pid)
    program.tell()
    major = program.usage()[1]
    catch_up(watch)
    after = booked(watch, program.pid)
    return major, {name: after[name] - before[name] for name in ("major_total", "failed_total", "file_ns")} | {
        "max_ns": after["max_ns"]
    }


@check()
def device_delay(context: Context) -> Figures:
    """One fault after another, each as long as the device makes it."""
    watch = watch_of(context)
    with ready("readfile", cold_file(context, PAGES)) as reader:
        major, found = slow(watch, reader)
    assert (major, found["major_total"], found["failed_total"]) == (PAGES, PAGES, 0), found
    mean, longest = found["file_ns"] / PAGES / 1e6, found["max_ns"] / 1e6
    assert DELAY_MS - EARLY_MS <= mean <= DELAY_MS + LATE_MS, found
    assert longest >= DELAY_MS - EARLY_MS, found
    return {"faults": PAGES, "delay_ms": DELAY_MS, "mean_ms": round(mean, 1), "max_ms": round(longest, 1)}


@check()
def sleeping_crowd(context: Context) -> Figures:
    """All threads sleep in their fault at once: each counts, and with its own latency."""
    watch = watch_of(context)
    with ready("sleepers", cold_file(context, SLEEPERS), SLEEPERS) as crowd:
        major, found = slow(watch, crowd)
    assert (major, found["major_total"], found["failed_total"]) == (SLEEPERS, SLEEPERS, 0), found
    missed = {tick["totals"]["missed"] for tick in watch.ticks()}
    # perf events see every end, but where the kernel may be preempted anywhere; only there they are compared
    assert missed in ({0}, {None}) if context.plan == "perf" else missed == {0}
    mean = found["file_ns"] / SLEEPERS / 1e6
    assert mean >= DELAY_MS - EARLY_MS, found
    longest = round(found["max_ns"] / 1e6, 1)
    return {"threads": SLEEPERS, "missed": missed.pop(), "mean_ms": round(mean, 1), "max_ms": longest}
