"""Owns the plain text and CSV forms, both made from the table's columns."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import TextIO

from pftop import formatting
from pftop.batch.rows import CommandResult
from pftop.events import FaultKind, PlanInfo
from pftop.formatting import iso_time
from pftop.model import own_cost
from pftop.model.snapshot import LogLine, ProcessRow, Snapshot, Totals
from pftop.model.table import COLUMNS, Column, fold
from pftop.text import fit

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would run a cell that begins with one of these (CWE-1236)."""
CSV_FIELDS = (
    "time",
    "seq",
    "interval_ns",
    "pid",
    "start_ns",
    "user",
    "comm",
    "exited",
    "minor",
    "major",
    "failed",
    "invalid",
    "minor_total",
    "major_total",
    "failed_total",
    "invalid_total",
    "stall_ns",
    "stall_total_ns",
    "p50_ns",
    "p90_ns",
    "p99_ns",
    "max_ns",
    "command",
)


def plain_cell(value: object) -> object:
    """A CSV cell: empty for the unknown, and a quote before what a spreadsheet would take for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return "'" + value
    return value


class Csv:
    """One line a process and interval, RFC 4180, with a header."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._writer = csv.writer(out, lineterminator="\r\n")

    def begin(self, plan: PlanInfo, interval_s: float) -> None:
        """The header line."""
        self._writer.writerow(CSV_FIELDS)

    def tick(self, snapshot: Snapshot, rows: Sequence[ProcessRow]) -> None:
        """One interval's rows; latency figures are the interval's."""
        head = {"time": iso_time(snapshot.time), "seq": snapshot.seq, "interval_ns": snapshot.interval_ns}
        for row in rows:
            own = {"start_ns": row.key.start_ns or None, "user": row.info.user, "command": row.info.command}
            cells = []
            for name in CSV_FIELDS:
                if name in head:
                    value: object = head[name]
                elif name in own:
                    value = own[name]
                elif name in ("p50_ns", "p90_ns", "p99_ns", "max_ns"):
                    value = getattr(row.latency, name) if row.latency else None
                else:
                    value = getattr(row, name)
                cells.append(plain_cell(value))
            self._writer.writerow(cells)

    def fault(self, line: LogLine) -> None:
        """Single faults have no place among rows of processes."""

    def end(self, reason: str, totals: Totals | None, command: CommandResult | None) -> None:
        """Nothing but the end of the stream."""
        self._out.flush()


class Plain:
    """A few lines of summary and a table each interval, as ``top -b`` prints them."""

    def __init__(
        self, out: TextIO, width: int, *, threads: bool, restricted: bool = False, family: bool = False
    ) -> None:
        """``restricted``: not all processes are listed; ``family``: the totals at the end are of those listed."""
        self._out, self._threads = out, threads
        self._of_tick = "machine: " if restricted else ""
        self._of_end = "" if family else self._of_tick
        shown = [column for column in COLUMNS if column.key != "trend"]
        self._columns = fold(shown, width)

    def begin(self, plan: PlanInfo, interval_s: float) -> None:
        """Which plan gives the figures."""
        print(
            f"pftop on {plan.host}, Linux {plan.kernel} {plan.arch}, {plan.cpus} CPUs, plan {plan.name}",
            file=self._out,
        )

    def tick(self, snapshot: Snapshot, rows: Sequence[ProcessRow]) -> None:
        """Summary and table of one interval."""
        out, interval = self._out, snapshot.interval_ns
        print(f"\n{formatting.iso_time(snapshot.time)}  {self._of_tick}{summary(snapshot)}", file=out)
        print(accuracy(snapshot), file=out)
        if own_cost.asked(snapshot):
            print("own cost: " + "  ".join(" ".join(pair) for pair in own_cost.own_cost(snapshot)), file=out)
        print(self._line([(column.title, column) for column in self._columns]), file=out)
        for row in rows:
            ended = " <exited>" if row.exited else ""
            print(self._line([(column.text(row, interval), column) for column in self._columns]) + ended, file=out)
            for thread in row.threads if self._threads else ():
                figures = f"minor {thread.minor} major {thread.major} failed {thread.failed}"
                print(
                    f"{thread.tid:>7}   {figures} stall {formatting.duration(thread.stall_ns)} {thread.comm}",
                    file=out,
                )

    def _line(self, cells: Sequence[tuple[str, Column]]) -> str:
        *fixed, (last, _) = cells
        return " ".join([*(fit(text, column.width, column.align) for text, column in fixed), last]).rstrip()

    def fault(self, line: LogLine) -> None:
        """One logged fault."""
        kind = {FaultKind.MINOR: "min", FaultKind.MAJOR: "MAJ", FaultKind.INVALID: "INV"}.get(line.kind, "fail")
        where = line.mapping.name if line.mapping else "-"
        print(
            f"{iso_time(line.time)} {line.key.pid}/{line.tid} {line.comm} {kind} {line.access.name.lower()} "
            f"{formatting.duration(line.latency_ns)} {formatting.address(line.address)} {where} {line.symbol or '-'}",
            file=self._out,
        )

    def end(self, reason: str, totals: Totals | None, command: CommandResult | None) -> None:
        """The sums since start, and the command's own account beside them."""
        if totals is not None:
            known = [f"{name} {value}" for name, value in (("minor", totals.minor), ("major", totals.major))]
            known += [f"failed {totals.failed}"] if totals.failed is not None else []
            known += (
                [f"stalled {formatting.duration(totals.latency_sum_ns)}"] if totals.latency_sum_ns is not None else []
            )
            print(f"\nend ({reason}): {self._of_end}{', '.join(known)}", file=self._out)
        if command is not None:
            print(
                f"command: status {command.status}, wait4 says minor {command.minflt}, major {command.majflt}",
                file=self._out,
            )
        self._out.flush()


def per_second(count: int | None, snapshot: Snapshot) -> str:
    """A count of the interval as a rate."""
    return formatting.rate(None if count is None else count * 1e9 / snapshot.interval_ns)


def summary(snapshot: Snapshot) -> str:
    """Rates, stall and latency of the machine."""
    totals, latency = snapshot.totals, snapshot.latency
    text = f"minor {per_second(totals.minor, snapshot)}/s  major {per_second(totals.major, snapshot)}/s"
    text += f"  invalid {per_second(totals.invalid, snapshot)}/s"
    text += f"  stalled {formatting.stall(totals.latency_sum_ns, snapshot.interval_ns)} ms/s"
    if latency is not None:
        figures = (("p50", latency.p50_ns), ("p99", latency.p99_ns), ("max", latency.max_ns))
        text += "".join(f"  {name} {formatting.duration(value)}" for name, value in figures)
    return text


def accuracy(snapshot: Snapshot) -> str:
    """How far the figures can be trusted."""
    if not snapshot.plan.features.log:
        return "rates from /proc only; processes that end between two readings are not seen"
    totals, log = snapshot.totals_since_start, snapshot.log_since_start
    ledger = snapshot.ledger
    missed = f"  missed {totals.missed}" if totals.missed else ""
    missed += f"  threads lost {totals.lost_records}" if totals.lost_records else ""
    books = "even" if ledger.balanced else f"off by {ledger.seen_off} and {ledger.log_off}"
    return (
        f"check {formatting.percent(snapshot.coverage)} of vmstat  books {books}  own {totals.own}"
        f"  unattributed {totals.unattributed}  log: {log.logged} of {log.completed}, lost {log.lost}{missed}"
    )
