"""Owns what a process's faults were for, in shares: the causes ranked, and the one that leads.

A plan that does not see handle_mm_fault tells the causes of logged faults only. What it does not tell counts as
``unknown``; shares are then those among the faults whose cause is told.
"""

from __future__ import annotations

from dataclasses import dataclass

from pftop.causes import CAUSES, NUMBER
from pftop.model.snapshot import ProcessRow

UNTOLD = "unknown"
PARTIAL_FROM = 0.01
"""Share of faults without a cause from which figures are marked: full plans lack one now and then, too."""


@dataclass(frozen=True, slots=True)
class Share:
    """One cause of a process's faults since pftop started; shares are of all whose cause is told."""

    cause: str
    faults: int
    of_faults: float
    ns: int
    of_time: float


@dataclass(frozen=True, slots=True)
class Shares:
    """The causes, the one that took most time first, and how many faults stand behind them."""

    ranked: tuple[Share, ...]
    untold: int
    """Faults whose cause is not told."""
    told: int
    untold_ns: int = 0

    @property
    def partial(self) -> bool:
        """Whether so many are not told that shares are not of everything."""
        return self.untold > PARTIAL_FROM * (self.told + self.untold)


def shares(row: ProcessRow) -> Shares | None:
    """What a process's faults were for; None where the plan cannot tell."""
    if row.causes_total is None:
        return None
    counts = {cause: n for cause, n in row.causes_total.items() if n > 0 and cause != UNTOLD}
    times = row.cause_ns_total or {}
    faults, ns = sum(counts.values()), sum(max(times.get(cause, 0), 0) for cause in counts)
    found = [
        Share(cause, n, n / faults, spent := max(times.get(cause, 0), 0), spent / ns if ns else 0.0)
        for cause, n in counts.items()
    ]
    found.sort(key=lambda share: (-share.ns, -share.faults, NUMBER[share.cause]))
    untold, untold_ns = (max(known.get(UNTOLD, 0), 0) for known in (row.causes_total, times))
    return Shares(tuple(found), untold, faults, untold_ns)


def leading(row: ProcessRow) -> tuple[str, float, bool] | None:
    """The cause that took most time, or that most faults had where none was timed.

    Its short name, its share, and whether that is a share of those told only.
    """
    found = shares(row)
    if found is None or not found.ranked:
        return None
    first = found.ranked[0]
    return CAUSES[NUMBER[first.cause]].short, first.of_time if first.ns else first.of_faults, found.partial


def had(row: ProcessRow, names: frozenset[str]) -> bool:
    """Whether the process had a fault of one of these causes, since pftop started where that is known."""
    counts = row.causes_total if row.causes_total is not None else row.causes or {}
    return any(counts.get(name, 0) > 0 for name in names)


def named(prefix: str) -> frozenset[str]:
    """The causes whose name, long or short, begins like this."""
    return frozenset(c.name for c in CAUSES if c.name.startswith(prefix) or c.short.startswith(prefix))
