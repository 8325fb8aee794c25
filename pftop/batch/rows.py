"""Owns which rows a tick prints, and what the end says of a command that was followed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pftop.model.query import Query
from pftop.model.snapshot import ProcessRow, Snapshot, Totals
from pftop.model.table import select


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How the followed command ended, and what wait4(2) says of it and the children it waited for."""

    status: int
    minflt: int
    majflt: int


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user wants to see."""

    query: Query
    sort: str
    reverse: bool
    pids: frozenset[int]
    uid: int | None
    family: bool

    def admits(self, row: ProcessRow) -> bool:
        """Whether a row is among those asked for by ``-p``, ``-u`` and ``--``."""
        if self.pids and row.pid not in self.pids:
            return False
        if self.uid is not None and row.uid != self.uid:
            return False
        return row.family or not self.family

    def rows(self, snapshot: Snapshot, *, everything: bool = False) -> list[ProcessRow]:
        """Rows that did something in the interval or ended in it; ``everything`` since pftop started."""
        asked = [row for row in snapshot.processes if self.admits(row)]
        if not everything:
            asked = [row for row in asked if self._is_news(row, snapshot)]
        return select(asked, self.query, self.sort, self.reverse, snapshot.interval_ns)

    def _is_news(self, row: ProcessRow, snapshot: Snapshot) -> bool:
        ended_now = row.exited_at_ns == snapshot.ts_ns
        return bool(row.minor or row.major or row.failed or ended_now or self.pids)


def family_totals(rows: Sequence[ProcessRow], machine: Totals) -> Totals:
    """Totals of the followed command and its descendants, since start.

    What belongs to no process is None, but for ``unattributed``: some of those may be the command's.
    """

    def add(name: str, of: str) -> int | None:
        values = [getattr(row, name) for row in rows if row.family]
        return None if None in values or getattr(machine, of) is None else sum(values)

    minor, major = add("minor_total", "minor") or 0, add("major_total", "major") or 0
    failed = add("failed_total", "failed")
    return replace(
        machine,
        seen=minor + major + (failed or 0),
        minor=minor,
        major=major,
        failed=failed,
        invalid=add("invalid_total", "invalid"),
        kernel_mode=None,
        latency_sum_ns=add("stall_total_ns", "latency_sum_ns"),
        own=None,
        ended=0,
        in_flight=None,
        vmstat_pgfault=None,
        vmstat_pgmajfault=None,
        missed=None,
        lost_records=None,
    )
