"""Owns the latency histogram: how long a process's faults took, minor and major apart, and what they sum to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pftop import formatting
from pftop.events import PlanInfo, ProcessKey
from pftop.model.histogram import HistogramRow, display_rows, percentile
from pftop.model.snapshot import Latency, ProcessDetail, ProcessRow, Snapshot
from pftop.text import fit
from pftop.ui.canvas import Canvas, Line
from pftop.ui.facts import Piece, fact, pack
from pftop.ui.graph import MAJOR_BAR, MAJOR_BAR_ASCII, MINOR_BAR, MINOR_BAR_ASCII, bar_ratio, parts
from pftop.ui.waiting import WAITING

KINDS = ("both", "minor", "major")
_RANGE, _COUNT, _SHARE = 15, 7, 7
_ONE_LINE = 78


@dataclass(frozen=True, slots=True)
class Scale:
    """How the histogram is looked at."""

    kind: str = "both"
    linear: bool = True
    interval: bool = False
    """The last interval rather than since pftop started."""

    @property
    def words(self) -> str:
        """The same for the title."""
        span = "last interval" if self.interval else "since start"
        return f"{self.kind}, {'linear' if self.linear else 'log'} bars, {span}"


class HistogramPane(Canvas):
    """Bars by latency, then percentiles, extremes and time lost."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._snapshot: Snapshot | None = None
        self._detail: ProcessDetail | None = None
        self._row: ProcessRow | None = None
        self.scale = Scale()
        self.titled = True
        """Whether it has a title of its own."""
        self.waiting = WAITING

    def show(self, snapshot: Snapshot, detail: ProcessDetail | None, row: ProcessRow | None) -> None:
        """Show a process's depth."""
        self._snapshot, self._detail, self._row = snapshot, detail, row
        self.repaint()

    def set_scale(self, scale: Scale) -> None:
        """Look at it in another way."""
        self.scale = scale
        self.repaint()

    def paint(self, width: int, height: int) -> Sequence[Line]:
        """Title, bars and summary."""
        lines = [self._title(width)] if self.titled else []
        if self._snapshot is None:
            return lines
        plan = self._snapshot.plan
        if not plan.features.latency:
            return [*lines, self.pen().write(" " + fit(no_latency(plan), width - 1), "dim").line]
        if self._detail is None:
            return [*lines, self.pen().write(f" {self.waiting}", "dim").line]
        minor, major = self._buckets(self._detail)
        summary = self._summary(self._detail, width)
        if height < 8:
            summary = summary[:1]
        room = height - len(lines) - 1 - len(summary)
        rows = display_rows(minor, major, room)
        lines.append(self._head(width))
        if not rows:
            when = "in the last interval" if self.scale.interval else "yet"
            lines.append(self.pen().write(f" no fault of this kind was timed {when}", "dim").line)
        top = max((row.minor + row.major for row in rows), default=0)
        lines += [self._bar_line(row, top, width) for row in rows]
        return [*lines, *summary]

    def _title(self, width: int) -> Line:
        """What is shown, drawn as a rule."""
        rule = "-" if self.ascii else "─"
        pen = self.pen().write(rule + " ", "rule").write("Latency", "strong").write(f" {self.scale.words} ", "label")
        return pen.to(width, rule, "rule").line

    def _buckets(self, detail: ProcessDetail) -> tuple[Sequence[int], Sequence[int]]:
        """Both histograms, the one that is not asked for emptied."""
        minor = detail.minor_interval if self.scale.interval else detail.minor_buckets
        major = detail.major_interval if self.scale.interval else detail.major_buckets
        if self.scale.kind == "minor":
            return minor, (0,) * len(major)
        if self.scale.kind == "major":
            return (0,) * len(minor), major
        return minor, major

    def _shares(self, width: int) -> int:
        """How many of the two columns of shares fit."""
        return 2 if width >= 64 else 1 if width >= 50 else 0

    def _head(self, width: int) -> Line:
        """Titles of the columns."""
        pen = self.pen("head").write(" latency".ljust(_RANGE), "label")
        pen.write("minor".rjust(_COUNT), "label").write("major".rjust(_COUNT), "label")
        shares = self._shares(width)
        pen.to(width - shares * _SHARE - 1)
        for title in ("share", "so far")[:shares]:
            pen.write(title.rjust(_SHARE), "label")
        return pen.to(width).line

    def _bar_line(self, row: HistogramRow, top: int, width: int) -> Line:
        """One range of latencies."""
        span = f" {formatting.duration(row.lower_ns):>6}-{formatting.duration(row.upper_ns)}"
        pen = self.pen().write(fit(span, _RANGE))
        pen.write(formatting.count(row.minor).rjust(_COUNT), "minor" if row.minor else "dim")
        pen.write(formatting.count(row.major).rjust(_COUNT), "major" if row.major else "dim").write(" ")
        shares = self._shares(width)
        room = width - pen.width - shares * _SHARE - 1
        ratio = bar_ratio(row.minor + row.major, top, linear=self.scale.linear)
        of_minor, of_major = parts(row.minor, row.major, ratio * room)
        minor_mark, major_mark = (MINOR_BAR_ASCII, MAJOR_BAR_ASCII) if self.ascii else (MINOR_BAR, MAJOR_BAR)
        pen.write(minor_mark * of_minor, "minor").write(major_mark * of_major, "major")
        pen.to(width - shares * _SHARE - 1)
        for share in (row.share, row.cumulative)[:shares]:
            pen.write(formatting.percent(share).rjust(_SHARE), "text" if share >= 0.001 else "dim")
        return pen.line

    def _latency(self, detail: ProcessDetail) -> Latency:
        """The summary that belongs to what is drawn."""
        return {
            "both": detail.all_latency,
            "minor": detail.minor_latency,
            "major": detail.major_latency,
        }[self.scale.kind]

    def _summary(self, detail: ProcessDetail, width: int) -> list[Line]:
        """Percentiles, extremes and time lost, since start whatever the bars show."""
        latency = self._latency(detail)
        first = self._percentiles(detail, latency)
        amount = Piece(0, ((formatting.count(latency.count), "text"), (_faults(latency.count), "label")))
        second = [
            fact(" min", formatting.duration(latency.min_ns), drop=2),
            fact("mean", formatting.duration(latency.mean_ns)),
            amount,
        ]
        if self.scale.interval:
            # one line has room beside the percentiles, the narrow pane beside the mean
            (first if width >= _ONE_LINE else second).append(Piece(0, (("since start", "label"),)))
        lost = self._lost(detail)
        if width >= _ONE_LINE:
            return [pack(self.pen(), line, [], width) for line in (first, second + lost)]
        lost[0] = replace(lost[0], texts=((" ", "label"), *lost[0].texts))
        return [pack(self.pen(), line, [], width) for line in (first, second, lost)]

    def _percentiles(self, detail: ProcessDetail, latency: Latency) -> list[Piece]:
        """How long most took, and the longest."""
        counts = np.asarray(detail.minor_buckets, dtype=np.int64) * (self.scale.kind != "major")
        counts = counts + np.asarray(detail.major_buckets, dtype=np.int64) * (self.scale.kind != "minor")
        p999 = percentile(counts, 0.999, min_ns=latency.min_ns, max_ns=latency.max_ns)
        return [
            fact(name, formatting.duration(ns), "strong", drop=drop)
            for name, ns, drop in (
                (" p50", latency.p50_ns, 0),
                ("p90", latency.p90_ns, 2),
                ("p99", latency.p99_ns, 0),
                ("p99.9", p999, 3),
                ("max", latency.max_ns, 1),
            )
        ]

    def _lost(self, detail: ProcessDetail) -> list[Piece]:
        """Time lost in faults since pftop started, as a share of the time in which the process could lose any."""
        assert self._snapshot is not None
        total = detail.stall_minor_ns + detail.stall_major_ns
        wall = _watched_ns(self._snapshot, detail.key, self._row)
        pieces = [
            fact("lost minor", formatting.duration(detail.stall_minor_ns), "minor"),
            fact("major", formatting.duration(detail.stall_major_ns), "major", gap=1),
        ]
        if wall > 0:
            share = ((formatting.percent(total / wall), "strong"), (" of wall", "label"))
            pieces.append(Piece(1, share))
        return pieces


def _watched_ns(snapshot: Snapshot, key: ProcessKey, row: ProcessRow | None) -> int:
    """For how long the process and pftop both ran; an unknown start, 0, lies before pftop's."""
    ended = row.exited_at_ns if row is not None else None
    begun = max(snapshot.ts_ns - snapshot.elapsed_ns, key.start_ns)
    return (snapshot.ts_ns if ended is None else ended) - begun


def _faults(count: int) -> str:
    return " fault" if count == 1 else " faults"


def no_latency(plan: PlanInfo) -> str:
    """Why there is no histogram, and what would give one."""
    text = f"the {plan.name} plan cannot time faults"
    return f"{text}; the next plan gives {plan.next_gives}" if plan.next_gives else text
