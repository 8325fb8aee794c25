"""Owns a model of the kernel side: threads that fault and end, a ring that may be full, counters as in ``bpf/``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pftop.events import Batch, Counters, FaultKind, PlanInfo, Records, Sample, Threads, VmStat
from pftop.model.histogram import bucket_of
from pftop.source import wire
from pftop.source.corrections import among
from pftop.source.header import header
from pftop.text import Safe
from tests.factories import make_plan

GROUP_DEAD, FAMILY, RETIRED = (header().numbers[f"THREAD_{n}"] for n in ("GROUP_DEAD", "FAMILY", "RETIRED"))
ACCESSES = ("read", "write", "exec")
KINDS = {FaultKind.MINOR: "minor", FaultKind.MAJOR: "major", FaultKind.FAILED: "failed", FaultKind.INVALID: "failed"}

Key = tuple[int, int]


def joined(records: list[Records], name: str) -> Records:
    return np.concatenate([wire.empty(name), *records])


@dataclass
class FakeKernel:
    """Every method does what the probes do for that event; ``truth`` counts each fault once, when it ends."""

    now_ns: int = 1_000_000_000
    threads: dict[int, Records] = field(default_factory=dict)
    rares: dict[int, Records] = field(default_factory=dict)
    ring: list[Records] = field(default_factory=list)
    rare_ring: list[Records] = field(default_factory=list)
    events: list[Records] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    truth: dict[Key, list[int]] = field(default_factory=dict)
    latency: dict[Key, int] = field(default_factory=dict)
    vmstat: VmStat | None = None

    def count(self, **by: int) -> None:
        self.counters = replace(self.counters, **{n: getattr(self.counters, n) + d for n, d in by.items()})

    def make(
        self, tid: int, tgid: int, start_ns: int, comm: bytes = b"proc", uid: int = 1000, flags: int = 0
    ) -> None:
        self.now_ns += 1
        record = wire.empty("thread_record", 1)
        for name, value in (("tid", tid), ("tgid", tgid), ("start_ns", start_ns), ("created_ns", self.now_ns)):
            record[name] = value
        record["comm"], record["uid"], record["flags"] = comm, uid, flags
        self.threads[tid] = record

    def rare(self, tid: int) -> Records:
        """The thread's rare part, made when it is first needed; a change to it is made."""
        if tid not in self.rares:
            made = wire.empty("thread_rare", 1)
            made["tid"], made["created_ns"] = tid, self.threads[tid]["created_ns"]
            self.rares[tid] = made
        self.rares[tid]["changes"] += 1
        return self.rares[tid]

    def begin(self, tid: int) -> None:
        """A fault begins; one still open is given up as failed."""
        record = self.threads[tid]
        self.count(seen=1)
        self.abandon(tid)
        record["stamp"]["ts_ns"][0, 0] = self.now_ns

    def abandon(self, tid: int) -> None:
        record = self.threads[tid]
        if record["stamp"]["ts_ns"][0, 0]:
            self.end(tid, FaultKind.FAILED, 0)

    def end(self, tid: int, kind: FaultKind, latency: int, access: int = 0, *, logged: bool = True) -> None:
        record = self.threads[tid]
        name = KINDS[kind]
        record[name] += 1
        record[ACCESSES[access]] += 1
        if kind is FaultKind.INVALID:
            record["invalid"] += 1
        key = (int(record["tgid"][0]), int(record["start_ns"][0]))
        self.truth.setdefault(key, [0, 0, 0])[("minor", "major", "failed").index(name)] += 1
        if name != "failed":
            record["latency_sum_ns"] += latency
            self.latency[key] = self.latency.get(key, 0) + latency
            if name == "major":
                record["major_sum_ns"] += latency
            buckets = record["minor_buckets"] if name == "minor" else self.rare(tid)["major_buckets"]
            buckets[0, bucket_of(latency)] += 1
            record[f"{name}_max_ns"] = max(int(record[f"{name}_max_ns"][0]), latency)
            shortest = int(record[f"{name}_min_ns"][0])
            record[f"{name}_min_ns"] = min(shortest, latency) if shortest else latency
        record["stamp"]["ts_ns"][0, 0] = 0
        self.count(completed=1, logged=int(logged), sampled_out=int(not logged))

    def fault(self, tid: int, kind: FaultKind = FaultKind.MINOR, latency: int = 1000, **more: Any) -> None:
        self.begin(tid)
        self.end(tid, kind, latency, **more)

    def retire(self, tid: int, *, group_dead: bool = False, ring_full: bool = False) -> None:
        """The thread's record leaves the map, by the ring where it has room."""
        self.abandon(tid)
        record, rare = self.threads.pop(tid), self.rares.pop(tid, None)
        record["flags"] |= RETIRED | (GROUP_DEAD if group_dead else 0)
        if not ring_full:
            self.ring.append(record)
            if rare is not None:
                self.rare_ring.append(rare)
            return
        self.count(
            lost_records=1,
            lost_minor=int(record["minor"][0]),
            lost_major=int(record["major"][0]),
            lost_failed=int(record["failed"][0]),
            lost_latency_ns=int(record["latency_sum_ns"][0]),
        )

    def drain(self) -> Batch:
        retired = Threads(joined(self.ring, "thread_record"), joined(self.rare_ring, "thread_rare"))
        batch = Batch(retired, joined(self.events, "fault_event"))
        self.ring, self.rare_ring, self.events = [], [], []
        return batch

    def read_rare(self) -> Records:
        return joined([rare.copy() for rare in self.rares.values()], "thread_rare")

    def read_map(self) -> Threads:
        rare = self.read_rare()
        return Threads(joined([record.copy() for record in self.threads.values()], "thread_record"), rare)

    def created_ns(self, tid: int) -> int:
        """When the record was made that stands under a tid; 0: there is none."""
        return int(self.threads[tid]["created_ns"][0]) if tid in self.threads else 0

    def sample(self, *, between: Any = None, after_map: Any = None) -> Sample:
        """A reading; ``between`` happens between records and rare parts, ``after_map`` before the ring is drained."""
        before, vmstat = self.counters, self.vmstat
        records = self.read_map().records
        if between is not None:
            between()
        # a place that has passed to another thread meanwhile is left out, with the rare part that was there
        there = [record["created_ns"] == self.created_ns(int(record["tid"])) for record in records]
        records, rare = records[np.array(there, bool)], self.read_rare()
        threads = Threads(records, rare[among(rare["created_ns"], records["created_ns"])])
        if after_map is not None:
            after_map()
        late = self.drain()
        self.now_ns += 1_000_000_000
        return Sample(self.now_ns, threads, late, before, self.counters, vmstat, self.counters.seen - before.seen)

    def total(self) -> int:
        return sum(sum(counts) for counts in self.truth.values())


def make_event(**overrides: Any) -> Records:
    event = wire.empty("fault_event", 1)
    fields = {"ts_ns": 5, "tgid": 7, "tid": 7, "start_ns": 70, "address": 0x1000, "comm": b"proc"}
    for name, value in (fields | overrides).items():
        event[name] = value
    return event


def perf_plan() -> PlanInfo:
    return make_plan("perf")


COMM = Safe("proc")
