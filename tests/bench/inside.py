"""Owns a pftop without a view, driven by a parent: the real source and collector, with a clock on their parts.

A process of its own, because BCC keeps what it compiles until the interpreter ends. Questions and answers
are JSON, one a line: ``python -m tests.bench.inside PLAN [CAPACITY]``.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from pftop.model.collect import Collector
from pftop.source.kernel import gather, mount_tracefs
from pftop.source.live import LiveSource
from pftop.source.memory import release_compiler_memory
from pftop.source.open import Limits, open_source
from tests.bench.stopwatch import Stopwatch
from tests.live.harness import ROOT

Answer = dict[str, Any]
SWITCHED = ("raw_tracepoint", "software_event")
"""The kinds of probe that can be taken away from a running program, and put back."""


class Inside:
    """The parent's side."""

    def __init__(self, plan: str = "auto", capacity: int = 0) -> None:
        argv = [sys.executable, "-m", "tests.bench.inside", plan, str(capacity)]
        self._child = subprocess.Popen(
            argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.pid = self._child.pid
        self.ready = self._hear()

    def _hear(self) -> Answer:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        assert line, "the driver ended"
        answer: Answer = json.loads(line)
        return answer

    def ask(self, question: str, **more: float) -> Answer:
        """One answer."""
        self._write(question, **more)
        return self._hear()

    def focus(self, pid: int) -> None:
        """Drill down on a process."""
        self.ask("focus", pid=pid)

    def _write(self, question: str, **more: float) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps({"do": question, **more}) + "\n")
        self._child.stdin.flush()

    def close(self) -> None:
        """End it."""
        self._child.communicate()


class Driver:
    """The child's side."""

    def __init__(self, plan: str, capacity: int, answer: int) -> None:
        self._answer = answer
        mount_tracefs()
        opened = open_source(gather(), plan, Limits(capacity=capacity or None), lambda: ())
        release_compiler_memory()
        self.source, self.lookup = opened.source, opened.lookup
        self.watch = Stopwatch()
        self.watch.time(self.source, "sample", "sample")
        self.watch.time(self.lookup, "describe", "describe")
        self.collector = Collector(self.source, self.lookup, interval_s=1.0)
        self.actions: dict[str, Callable[..., Answer]] = {
            "focus": self.focus,
            "ticks": self.ticks,
            "intake": self.intake,
            "fill": self.fill,
            "switch": self.switch,
        }

    def serve(self) -> None:
        """Collect as a view would, and answer, until there is nobody to."""
        self.say({"plan": self.source.plan.name})
        while True:
            self.collector.step(0.1)
            if not select.select([sys.stdin], [], [], 0)[0]:
                continue
            line = sys.stdin.readline()
            if not line:
                break
            question = json.loads(line)
            self.say(self.actions[question.pop("do")](**question))
        self.collector.close()

    def focus(self, pid: int) -> Answer:
        """Drill down on a process."""
        key = next(iter(self.lookup.find([pid])))[0]
        snapshot = self.next_tick()
        # the kernel's start time is finer than /proc's
        keys = [row.key for row in snapshot.processes if row.pid == pid]
        self.collector.focus(keys[0] if keys else key)
        self.collector.step(0.0)
        return {"focused": pid, "known": bool(keys)}

    def switch(self, on: int) -> Answer:
        """Take the probes away, or put them back; not those of plans that load their programs with them."""
        assert isinstance(self.source, LiveSource)
        program = self.source._program
        bpf, mine = program.bpf, [one for one in program.plan.attachments if one.kind in SWITCHED]
        if len(mine) < len(program.plan.attachments) or bpf.kfunc_entry_fds:
            return {"switched": 0}
        attached = bool(bpf.raw_tracepoint_fds)
        if on and not attached:
            for one in mine:
                program._attach(one)
        elif attached and not on:
            for name in list(bpf.raw_tracepoint_fds):
                bpf.detach_raw_tracepoint(name)
            for kind, config in list(bpf.open_perf_events):
                bpf.detach_perf_event(kind, config)
        return {"switched": 1}

    def next_tick(self) -> Any:
        """A snapshot, at once."""
        self.collector.tick_now()
        while True:
            update = self.collector.step(0.0)
            if update.snapshot is not None:
                return update.snapshot

    def ticks(self, count: int, interval_s: float) -> Answer:
        """Time so many ticks: reading the kernel, the step around it, and the CPU of the whole interval."""
        self.collector.set_interval(interval_s)
        self.next_tick()
        found: dict[str, list[float]] = {"sample_ms": [], "tick_ms": [], "cpu_ratio": []}
        snapshot = None
        for _ in range(count):
            began, used = time.monotonic(), time.process_time()
            self.watch.take()
            snapshot = None
            while snapshot is None:
                step_used = time.thread_time()
                snapshot = self.collector.step(0.1).snapshot
            found["tick_ms"].append((time.thread_time() - step_used) * 1e3)
            found["sample_ms"].append(self.watch.take()["sample"] * 1e3)
            found["cpu_ratio"].append((time.process_time() - used) / (time.monotonic() - began))
        assert snapshot is not None
        return {**found, "faults": snapshot.totals.minor, "rows": len(snapshot.processes)}

    def intake(self, rate: int, seconds: float) -> Answer:
        """Log as much as the kernel side gives at this rate a CPU; how much comes out, whole, and at what cost."""
        self.source.set_log_rate(rate)
        answer = {}
        for name, work in (("decoded", self.source.read), ("booked", self.collector.step)):
            self.next_tick()
            before, began, used = self.source.sample().after, time.monotonic(), time.process_time()
            count = 0
            while time.monotonic() - began < seconds:
                got = work(0.02)
                count += len(getattr(got, "events", ()))
            took, cpu = time.monotonic() - began, time.process_time() - used
            after = self.source.sample().after
            logged, lost = after.logged - before.logged, after.ring_lost - before.ring_lost
            answer[name] = {
                "per_s": (count or logged) / took,
                "lost_share": lost / max(1, lost + logged),
                "cpu_s_per_million": cpu / max(1, count or logged) * 1e6,
                "cpu_ratio": cpu / took,
            }
        self.source.set_log_rate(1000)
        return answer

    def fill(self, records: int, count: int) -> Answer:
        """Put so many records into the real map, and time reading them back as a sample does."""
        source = self.source
        assert isinstance(source, LiveSource)
        threads = source._threads
        shared = threads._records.upto(threads._records._capacity)
        free = np.flatnonzero(shared["created_ns"] == 0)[-records:]
        assert len(free) == records, f"no room for record {len(free)}"
        for name in ("tid", "tgid"):
            # no thread has such a number, so nobody's record is taken for one of these
            shared[name][free] = (1 << 24) + np.arange(records)
        shared["minor"][free] = 1
        shared["created_ns"][free] = 1
        source._top = len(shared)
        times = []
        for _ in range(2 + count):
            began = time.thread_time()
            sample = source.sample()
            times.append((time.thread_time() - began) * 1e3)
        # the first two have their buffers' memory made
        return {
            "records": len(sample.threads.records),
            "sample_ms": times[2:],
            "bytes": int(sample.threads.records.nbytes),
        }

    def say(self, answer: Answer) -> None:
        """To the parent."""
        os.write(self._answer, (json.dumps(answer) + "\n").encode())


def main() -> None:
    """Answer on what was the standard output; libbcc writes to the standard output too."""
    answer = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    Driver(sys.argv[1], int(sys.argv[2]), answer).serve()


if __name__ == "__main__":
    main()
