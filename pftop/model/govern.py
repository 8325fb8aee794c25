"""Owns what holds a source to its budget: the level put into effect, and BPF run time measured now and then."""

from __future__ import annotations

from collections.abc import Callable

from pftop.events import Cost, FaultSource
from pftop.model.budget import Budget, Level, levels
from pftop.model.snapshot import Restraint

INTERVAL_MOST_S = 60.0
MEASURE_EVERY = 10
"""Of this many ticks one is measured, to know the BPF programs' part at a tenth of what measuring costs."""


class Governor:
    """The interval in force, and whether extras are on; with a limit it takes things away and gives them back."""

    def __init__(
        self,
        source: FaultSource,
        *,
        interval_s: float,
        log_rate: int,
        max_overhead: float | None,
        clock: Callable[[], float],
    ) -> None:
        """``max_overhead``: per cent of one CPU."""
        self._source, self.asked_s = source, interval_s
        self._level = Level(log_rate)
        self._budget: Budget | None = None
        if max_overhead is not None:
            self._budget = Budget(max_overhead / 100, levels(log_rate, source.plan.features), clock)
        self._measuring = False
        self._ticks = 0
        self._ns_per_fault: float | None = None

    @property
    def interval_s(self) -> float:
        """Seconds between snapshots as they come now."""
        return min(self.asked_s * self._level.stretch, max(self.asked_s, INTERVAL_MOST_S))

    @property
    def extras(self) -> bool:
        """Whether pages are counted and symbols looked up."""
        return self._level.extras

    def measure(self, wanted: bool) -> None:
        """Have the BPF programs measured when that is wanted, or when it is time to know."""
        unknown = self._ns_per_fault is None
        due = self._budget is not None and (unknown or self._ticks % MEASURE_EVERY == 0)
        if (wanted or due) != self._measuring:
            self._measuring = wanted or due
            self._source.measure_cost(self._measuring)

    def tick(self, cost: Cost, seen: int, interval_ns: int) -> Restraint | None:
        """Weigh what a tick cost, of ``seen`` faults; what is held back from now on, None without a limit."""
        self._ticks += 1
        budget = self._budget
        if budget is None:
            return None
        if budget.note(self._used(cost, seen, interval_ns)):
            if budget.level.log_rate != self._level.log_rate:
                self._source.set_log_rate(budget.level.log_rate)
            self._level = budget.level
        longer = self.interval_s if self.interval_s > self.asked_s else None
        return Restraint(budget.limit * 100, self.interval_s, budget.steps(longer))

    def _used(self, cost: Cost, seen: int, interval_ns: int) -> float | None:
        """Of one CPU: the process, and its BPF programs as far as they have been measured."""
        if cost.bpf_ns_per_fault is not None:
            self._ns_per_fault = cost.bpf_ns_per_fault
        if cost.cpu_ratio is None:
            return None
        bpf = cost.bpf_ratio
        if bpf is None and self._ns_per_fault is not None and interval_ns > 0:
            bpf = self._ns_per_fault * seen / interval_ns
        return cost.cpu_ratio + (bpf or 0.0)
