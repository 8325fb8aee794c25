"""Owns the running eBPF source: rings drained, maps read once a sample, limits set.

One thread calls it at a time; a lock keeps ``close`` from taking the rings away under a running wait, which would
then wait for whatever has their descriptors next.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from pftop import causes
from pftop.events import Batch, Counters, PlanInfo, Records, Sample, SourceError, Threads
from pftop.source import wire
from pftop.source.bpfmap import BulkMap, OneElement, fill_u32
from pftop.source.corrections import keep_extremes
from pftop.source.machine import CostMeter, CpuWatch, read_pressure, read_vmstat
from pftop.source.preemption import Skipped, Undisturbed, Unseen
from pftop.source.program import MAX_PAGES, Program
from pftop.source.rings import Rings
from pftop.source.runstats import RunStats
from pftop.source.stacks import Stacks
from pftop.source.threadmap import ThreadMap
from pftop.text import Safe

BURST_NS = 250_000_000
STALE_AFTER_SAMPLES = 30
LOOKS = 3
"""At most: a program at work on another CPU has counted a fault as ended but not yet what the log did with it."""


class LiveSource:
    """Faults as the kernel sees them, from an attached ``Program``."""

    def __init__(
        self,
        program: Program,
        plan: PlanInfo,
        capacity: int,
        *,
        log_rate: int,
        min_latency_ns: int,
        noise: Callable[[], Sequence[Safe]],
        own_pid: int | None = None,
        preemptible: bool = False,
        skippable: bool = False,
    ) -> None:
        """``preemptible``: reading maps may keep programs from running; ``skippable``: they may keep themselves."""
        self._program, self._plan, self._noise = program, plan, noise
        self._lock = threading.Lock()
        self._closed = False
        self._sweep: dict[int, tuple[int, int]] = {}
        self._sweep_turn = 0
        self._focused = 0
        self._top = 0
        self._open_maps(capacity)
        self._rings = Rings(program, plan.cpus)
        self._cost, self._runs = CostMeter(), RunStats(program.programs)
        self._cpus, self._notes, self._strays = CpuWatch(), list[Safe](), 0
        self._config.write(own_tgid=own_pid or os.getpid(), min_latency_ns=min_latency_ns, enabled=0)
        self.set_log_rate(log_rate)
        self._config.write(enabled=1)
        self._undisturbed = Undisturbed(preemptible)
        self._unseen = Unseen(program.end_events() if preemptible else ())
        # one whose return was skipped is counted by the programs themselves
        self._skipped = Skipped(program.entries() if skippable else ())

    def _open_maps(self, capacity: int) -> None:
        lib, table = self._program.lib, self._program.table
        self._threads = ThreadMap(lib, lambda name: int(table(name).map_fd), capacity)
        self._pages = BulkMap(lib, table("pages").map_fd, np.dtype("<u8"), wire.dtype("page_count"), MAX_PAGES)
        cpus = table("globals").total_cpu
        self._globals = OneElement(lib, table("globals").map_fd, wire.dtype("globals"), cpus)
        self._stacks = Stacks(lib, table("stacks").map_fd)
        untold = causes.untold(self._plan.arch, access=self._plan.features.access)
        fill_u32(lib, table("causes").map_fd, causes.table(untold))
        self._config = OneElement(lib, table("config").map_fd, wire.dtype("config"))

    @property
    def plan(self) -> PlanInfo:
        """The plan that runs."""
        return self._plan

    def read(self, timeout_s: float) -> Batch:
        """Wait up to ``timeout_s``; then take all that the rings hold."""
        with self._lock:
            if not self._closed:
                self._rings.wait(timeout_s)
            return self._drain()

    def _drain(self) -> Batch:
        """All that the rings hold."""
        batch = self._rings.drain()
        self._stacks.look(batch.events)
        return batch

    def wake(self) -> None:
        """End a wait that is under way, or the next; from any thread: without the lock, which the waiting one has."""
        self._rings.wake()

    def sample(self) -> Sample:
        """Counters, records, and what the rings held after them; see ``Sample`` for the order and why."""
        with self._lock:
            if self._closed:
                raise SourceError("the source is closed", "sample after close")
            ts_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            with self._undisturbed:
                before = self._counters()
            vmstat = read_vmstat()
            threads = self._threads.read(self._top)
            if self._program.plan.by_account:
                keep_extremes(threads.records, time.clock_gettime_ns(time.CLOCK_MONOTONIC))
            late = self._drain()
            with self._undisturbed:
                after = self._counters()
                pages = self._read_pages()
            cost = self._runs.add_to(self._cost.read(), after.seen)
            self._sweep_stale(threads)
            self._look_around(after)
        return Sample(
            ts_ns=ts_ns,
            threads=threads,
            late=late,
            before=before,
            after=after,
            vmstat=vmstat,
            vmstat_gap=after.seen - before.seen,
            pages=pages,
            pressure=read_pressure(),
            cost=cost,
        )

    def _look_around(self, counters: Counters) -> None:
        """Note what keeps figures from being what they are taken for."""
        if note := self._cpus.look():
            self._notes.append(note)
        # not at each of them: they come in crowds
        if counters.family_lost >= 2 * self._strays + 1:
            self._strays = counters.family_lost
            count = f"{self._strays:,} descendants of the command found no room in the map of its family"
            self._notes.append(Safe(f"{count}: their faults are not counted with it"))

    def _counters(self) -> Counters:
        counted = self._unseen.read()
        for _ in range(LOOKS):
            sums = self._globals.read()
            if (sums["completed"] == sums["logged"] + sums["sampled_out"] + sums["ring_lost"]).all():
                break
        self._top = max(self._top, int(sums["top"].max()))
        total: dict[str, int] = {name: int(sums[name].sum()) for name in sums.dtype.names or ()}
        total["missed"] += self._unseen.update(counted, total["ends"]) + self._skipped.read()
        return Counters(**{name: total[name] for name in Counters.__dataclass_fields__})

    def own_completed(self) -> int:
        """Faults of pftop itself that were seen to end."""
        with self._lock:
            counters = self._counters()
        return counters.own_minor + counters.own_major

    def _read_pages(self) -> Records | None:
        if not self._focused:
            return None
        keys, values = self._pages.read(delete=True)
        joined = np.zeros(len(keys), np.dtype([("page", "<u8"), *[(n, "<u8") for n in values.dtype.names or ()]]))
        joined["page"] = keys
        for name in values.dtype.names or ():
            joined[name] = values[name]
        return joined

    def _sweep_stale(self, threads: Threads) -> None:
        """Delete records whose thread is gone: made by faults after its exit tracepoint.

        Each record is looked at once in ``STALE_AFTER_SAMPLES`` samples, and only if it did not change.
        """
        self._sweep_turn = (self._sweep_turn + 1) % STALE_AFTER_SAMPLES
        records, rare = threads
        keys = records["tid"].astype(np.int64)
        mine = np.flatnonzero(np.remainder(keys, STALE_AFTER_SAMPLES) == self._sweep_turn)
        totals = records["minor"][mine] + records["major"][mine] + records["failed"][mine]
        # as Python's own numbers all at once: to read a member of a row costs ten times as much
        states = zip(records["created_ns"][mine].tolist(), totals.tolist(), strict=True)
        for at, tid, state in zip(mine.tolist(), keys[mine].tolist(), states, strict=True):
            if self._sweep.get(tid) != state:
                self._sweep[tid] = state
            elif not os.path.exists(f"/proc/{tid}"):
                if self._threads.remove(records[at]):
                    # handed on as any other retired record, so that nobody takes it for a lost one
                    self._rings.give_up(_given_up(records[at]), rare[rare["tid"] == tid])
                del self._sweep[tid]
        if len(self._sweep) > 2 * len(keys) + 1024:
            self._sweep.clear()

    def focus(self, pid: int | None) -> None:
        """Count pages for this process alone; its faults go first in the log."""
        with self._lock, self._undisturbed:
            if self._closed:
                return
            self._config.write(focus_tgid=0)
            if self._focused or pid:
                self._pages.read(delete=True)
            self._focused = pid or 0
            self._config.write(focus_tgid=self._focused)

    def set_log_rate(self, per_second: int) -> None:
        """Bound the log to this many faults a second and CPU; half of a burst is kept for those that go first."""
        with self._lock:
            if not self._closed:
                self._config.write(
                    log_interval_ns=1_000_000_000 // max(1, per_second),
                    log_burst_ns=BURST_NS,
                    log_reserve_ns=BURST_NS // 2,
                )

    def measure_cost(self, enabled: bool) -> None:
        """Switch the kernel's statistics of BPF programs on, or off again."""
        with self._lock:
            if enabled and not self._closed:
                self._runs.on(self._counters().seen)
            else:
                self._runs.off()

    def adopt(self, enabled: bool) -> None:
        """While on, a process pftop forks becomes the head of the family."""
        with self._lock:
            if not self._closed:
                self._config.write(adopt=int(enabled))

    def stack(self, stack_id: int, ended_ns: int) -> tuple[int, ...]:
        """Code addresses of a user stack, innermost first; empty when it is gone."""
        with self._lock:
            return self._stacks.read(stack_id, ended_ns) if not self._closed else ()

    def forget_stacks(self) -> None:
        """Stacks read so far are needed no more."""
        with self._lock:
            if not self._closed:
                self._stacks.forget()

    def messages(self) -> Sequence[Safe]:
        """What libbcc wrote to the standard streams since the last call, and what became of the machine."""
        notes, self._notes = self._notes, []
        return [*(Safe(f"libbcc: {line}") for line in self._noise()), *notes]

    def close(self) -> None:
        """Detach every probe; may be called twice."""
        self._rings.wake()
        with self._lock:
            if not self._closed:
                self._closed = True
                self._runs.off()
                self._rings.close()
                self._program.detach()


def _given_up(record: np.void) -> np.void:
    """The record with the faults still open in it counted as failed, as the kernel side does at an exit."""
    final = record.copy()
    under_way = final["stamp"]["ts_ns"] != 0
    for stamp in final["stamp"][under_way]:
        final["failed"] += 1
        final["kernel_mode"] += 1
        final["write" if stamp["error_code"] & 2 else "read"] += 1
    final["stamp"]["ts_ns"] = 0
    return final
