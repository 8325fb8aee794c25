"""Owns the one loop step every view shares: read the source, keep the books, make lines and snapshots.

``step`` blocks and runs in one worker thread at a time; what it returns is frozen. The setters only leave
a wish that the next step fulfils, so they may be called from any thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from pftop.events import Batch, FaultSource, PlanInfo, ProcessKey, ProcessLookup, Records
from pftop.model import detail, lines
from pftop.model.aggregate import Aggregator
from pftop.model.attribution import attribution_for
from pftop.model.early import Early
from pftop.model.govern import Governor
from pftop.model.learning import Learning
from pftop.model.snapshot import LogLine, Snapshot, Update
from pftop.records import joined

COMPLETE_EVERY_S = 0.25
"""Each time costs, however few the faults are. New processes cannot wait: those of a compiler would be gone."""
HASTE_S = 0.1
"""Between two looks at the log where mappings are read of processes that may soon be gone."""
LINES_EVERY_S, MANY_LINES_EVERY_S = 0.25, 0.5
LINES_PER_SECOND = 100
"""More cannot be read while they scroll by; resolving them would cost more than counting them. Where there are more,
they scroll by half as often."""


class Collector:
    """A ``Feed`` over a source and a lookup."""

    def __init__(
        self,
        source: FaultSource,
        lookup: ProcessLookup,
        *,
        interval_s: float = 1.0,
        first_after_s: float | None = None,
        log: bool = True,
        lines_per_second: int | None = LINES_PER_SECOND,
        threads: bool = False,
        pids: Iterable[int] = (),
        log_rate: int = 1000,
        max_overhead: float | None = None,
        cost: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``first_after_s``: when the first snapshot is due, if sooner than a whole interval.

        ``lines_per_second`` bounds the lines that are resolved for reading; None resolves every logged fault,
        in the step that brings it. ``threads``: rows of single threads are wanted. ``pids`` get a row even
        before they fault. ``max_overhead``, in per cent of one CPU, is what pftop may cost before it lowers
        ``log_rate`` and more. ``cost``: what the BPF programs cost is always wanted.
        """
        self._source, self._lookup = source, lookup
        self._clock = clock
        self._lines_per_second = lines_per_second
        self._governor = Governor(
            source, interval_s=interval_s, log_rate=log_rate, max_overhead=max_overhead, clock=clock
        )
        self._cost_wanted = self._cost_always = cost
        self._log = log and source.plan.features.log
        self._focus: ProcessKey | None = None
        self._focused: ProcessKey | None = None
        self._counted: ProcessKey | None = None
        self._preferred: frozenset[int] | None = None
        self._mapped: detail.MappingCounts | None = None
        # logged faults as they came, and those whose causes are known as far as they can be
        self._raw, self._pending = list[Records](), list[Records]()
        self._learning, self._early = Learning(), Early(lookup, clock)
        self._completed_at = self._lines_at = clock()
        first = source.sample()
        self._boot_time_s = wall() - first.ts_ns / 1e9
        self._books = Aggregator(source.plan, first, threads=threads, pids=lookup.find(pids))
        self._attribution = attribution_for(source.plan, lookup)
        self._keep(first.late)
        self._due = clock() + (interval_s if first_after_s is None else min(first_after_s, interval_s))

    @property
    def plan(self) -> PlanInfo:
        """The plan that runs."""
        return self._source.plan

    @property
    def interval_s(self) -> float:
        """Seconds between snapshots, as asked for."""
        return self._governor.asked_s

    def set_interval(self, seconds: float) -> None:
        """Change the time between snapshots; the one under way is cut short or stretched accordingly."""
        before = self._governor.interval_s
        self._governor.asked_s = seconds
        self._due += self._governor.interval_s - before
        self._source.wake()

    def tick_now(self) -> None:
        """Take a snapshot at once, be it in the step that is under way."""
        self._due = self._clock()
        self._source.wake()

    def wake(self) -> None:
        """End the wait of the step that is under way."""
        self._source.wake()

    def focus(self, key: ProcessKey | None) -> None:
        """Fill ``Snapshot.detail`` for this process from the next snapshot on."""
        self._focus = key

    def prefer(self, pids: frozenset[int] | None) -> None:
        """Where there are too many, resolve logged faults of these processes first."""
        self._preferred = pids

    def set_log(self, enabled: bool) -> None:
        """Resolve logged faults into lines, or leave them unread."""
        self._log = enabled and self._source.plan.features.log

    def measure_cost(self, enabled: bool) -> None:
        """Have the BPF programs measured from the next step on, or no more."""
        self._cost_wanted = enabled or self._cost_always

    def close(self) -> None:
        """Detach everything; may be called twice."""
        self._source.close()

    def step(self, timeout_s: float) -> Update:
        """One read, and a snapshot when one is due; see ``Feed``."""
        self._refocus()
        self._governor.measure(self._cost_wanted)
        batch = self._source.read(max(0.0, min(timeout_s, self._patience_s())))
        self._books.ingest(batch)
        self._keep(batch)
        if self._log and self._governor.extras:
            self._early.look(batch.events)
        snapshot = self._snapshot() if self._clock() >= self._due else None
        shown, not_shown = self._lines()
        return Update(shown, not_shown, snapshot, tuple(self._source.messages()))

    def _patience_s(self) -> float:
        """How long to wait at most: until a tick or lines are due, or while new processes can be asked."""
        features, now = self._source.plan.features, self._clock()
        patience_s = self._due - now
        reads_maps = features.log and not (features.vma or features.vma_logged)
        if reads_maps or (self._log and self._early.is_busy()):
            patience_s = min(patience_s, HASTE_S)
        lines_at = self._lines_at + self._lines_every()
        if not self._pending:
            lines_at = max(lines_at, self._completed_at + COMPLETE_EVERY_S)
        if (self._pending or self._raw) and lines_at > now:
            patience_s = min(patience_s, lines_at - now)
        return patience_s

    def _refocus(self) -> None:
        self._focused = self._focus
        counted = self._focused if self._governor.extras else None
        if counted == self._counted:
            return
        self._counted = counted
        self._source.focus(counted.pid if counted else None)
        now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        pages = self._source.plan.features.pages
        self._mapped = detail.MappingCounts(counted, now_ns) if counted and pages else None

    def _keep(self, batch: Batch) -> None:
        """Take in logged faults."""
        if len(batch.events):
            self._raw.append(batch.events)

    def _to_complete(self, waited_s: float) -> bool:
        """Whether logged faults should not wait any longer for their causes."""
        if self._attribution is None or waited_s >= COMPLETE_EVERY_S:
            return True
        return not all(map(self._attribution.knows, self._raw))

    def _complete(self) -> None:
        """Where the kernel saw no mapping, find the causes of logged faults: of many at once, for each call costs."""
        self._completed_at = self._clock()
        if not self._raw:
            return
        events, self._raw = joined(self._raw), []
        if self._attribution is not None:
            events = self._attribution.complete(events)
            self._learning.add(events)
        if self._log:
            self._pending.append(events)

    def _snapshot(self) -> Snapshot:
        # who asked for a process while this step was waiting, and for a tick, is to have both
        self._refocus()
        # a late tick does not make the next ones early: intervals are measured, not assumed
        self._due += self._governor.interval_s
        if self._due <= self._clock():
            self._due = self._clock() + self._governor.interval_s
        sample = self._source.sample()
        self._keep(sample.late)
        tick = self._books.take(sample)
        # what follows takes long while thousands of processes end: the rings must not fill up meanwhile
        meanwhile = [self._source.read(0)]
        # only now is every fault logged so far booked
        self._complete()
        self._books.refine(self._learning.take())
        infos = self._lookup.describe(tick.wanted)
        meanwhile.append(self._source.read(0))
        process = self._books.process(self._focused) if self._focused else None
        found = None
        if process is not None and self._focused is not None:
            if self._mapped is not None and sample.pages is not None:
                self._mapped.add(sample.pages, self._lookup.mappings(self._focused))
            found = detail.describe(process, self._lookup.identify(self._focused), self._mapped)
        snapshot = self._books.finish(tick, infos, self._boot_time_s + sample.ts_ns / 1e9)
        for batch in meanwhile:
            # theirs is the next interval
            self._books.ingest(batch)
            self._keep(batch)
        before = self._governor.interval_s
        restraint = self._governor.tick(snapshot.cost, snapshot.totals.seen, snapshot.interval_ns)
        self._due += self._governor.interval_s - before
        return replace(snapshot, detail=found, restraint=restraint)

    def _lines_every(self) -> float:
        many = sum(map(len, self._pending)) > (self._lines_per_second or 0) * LINES_EVERY_S
        return MANY_LINES_EVERY_S if many else LINES_EVERY_S

    def _lines(self) -> tuple[tuple[LogLine, ...], int]:
        """Lines for what is pending, no more of them than the time since the last ones allows."""
        now = self._clock()
        unbounded = self._lines_per_second is None
        if unbounded or self._to_complete(now - self._completed_at):
            self._complete()
        if not self._pending or (now - self._lines_at < self._lines_every() and not unbounded):
            return (), 0
        events, self._pending = joined(self._pending), []
        most = max(1, int(min(1.0, now - self._lines_at) * (self._lines_per_second or 0)))
        self._lines_at = now
        focus = self._focused.pid if self._focused else None
        chosen = lines.select(events, len(events) if unbounded else most, focus, self._preferred)
        found = lines.resolve(
            chosen, self._lookup, self._boot_time_s, self._source.stack, extras=self._governor.extras
        )
        self._source.forget_stacks()
        return found, len(events) - len(chosen)
