"""Owns the list of what a process's faults were for: causes by time and by number, and what they mean."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Sequence

from pftop import formatting
from pftop.causes import CAUSES, NUMBER
from pftop.model.shares import UNTOLD, Share, Shares, shares
from pftop.model.snapshot import LogCounts, ProcessRow, Snapshot
from pftop.text import fit
from pftop.ui.canvas import Line
from pftop.ui.facts import Piece, fact, pack, sampled
from pftop.ui.rows import Rows

_NAME, _COUNT, _SHARE, _TIME = 14, 7, 7, 8
_FIGURES = 1 + _NAME + _COUNT + _SHARE + _TIME + _SHARE + 2
_PROSE_LEAST, _BAR_LEAST, _BAR_MOST = 80, 6, 24


class CausePane(Rows[Share]):
    """Causes, the one that took most time first; what the plan does not tell stands last."""

    HEAD_LINES = 2

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._snapshot: Snapshot | None = None
        self._row: ProcessRow | None = None
        self._shares: Shares | None = None

    def show(self, snapshot: Snapshot, row: ProcessRow | None) -> None:
        """Show a process's causes."""
        self._snapshot, self._row = snapshot, row
        self._shares = found = shares(row) if row is not None else None
        if found is None:
            self.set_rows(())
        elif found.untold:
            self.set_rows((*found.ranked, Share(UNTOLD, found.untold, 0.0, found.untold_ns, 0.0)))
        else:
            self.set_rows(found.ranked)

    def row_key(self, row: Share) -> Hashable:
        """The cause."""
        return row.cause

    def ground_of(self, index: int) -> str:
        """A cursor only while one walks the list."""
        return super().ground_of(index) if self.has_focus else self.GROUND

    def action_choose(self) -> None:
        """There is nothing further down."""

    @property
    def view_height(self) -> int:
        """Rows in view, over the line of waits."""
        return max(super().view_height - bool(self._waits()), 0)

    def paint(self, width: int, height: int) -> Sequence[Line]:
        """The list, then the meanings where lines are left, and the waits at the very end."""
        waits = self._waits()
        room = height - bool(waits)
        lines = list(super().paint(width, room))[:room]
        lines += self._meanings(width, room - len(lines))
        if waits:
            lines += [[]] * (room - len(lines))
            lines.append(pack(self.pen(), waits, [], width))
        return lines

    def _waits(self) -> list[Piece]:
        """What only the plans that see handle_mm_fault know."""
        row = self._row
        if row is None or row.lock_wait_total_ns is None:
            return []
        wait = formatting.duration(row.lock_wait_total_ns)
        if row.stall_total_ns:
            wait += f" {formatting.percent(row.lock_wait_total_ns / row.stall_total_ns)} of stall"
        return [
            Piece(0, ((" lock wait ", "label"), (wait, "strong"))),
            fact("retries", formatting.count(row.retries_total), drop=1),
            fact("remote", formatting.count(row.remote_total), drop=2),
        ]

    def _meanings(self, width: int, room: int) -> list[Line]:
        """What the causes listed mean, where their lines have no room for it."""
        if width - _FIGURES >= _PROSE_LEAST or room < 2:
            return []
        lines: list[Line] = [[]]
        for share in self.rows:
            wrapped = textwrap.wrap(_meaning(share), max(width - _NAME - 2, 20), break_on_hyphens=False)
            if len(lines) + len(wrapped) > room:
                break
            for place, text in enumerate(wrapped):
                name = "" if place or share.cause == UNTOLD else share.cause
                lines.append(self.pen().write(" " + fit(name, _NAME), "label").write(text, "dim").line)
        return lines if len(lines) > 1 else []

    def paint_title(self, width: int) -> Line:
        """Of which faults, drawn as a rule."""
        rule = "-" if self.ascii else "─"
        pen = self.pen().write(rule + " ", "rule").write("Causes", "title" if self.has_focus else "strong")
        found = self._shares
        if found is not None and found.partial:
            one_in = sampled(LogCounts(completed=found.told + found.untold, logged=found.told))
            pen.write(" of logged faults" + (f", {one_in}" if one_in else ", none of them yet"), "label")
        else:
            pen.write(" of every fault", "label")
        return pen.write(", since start ", "label").cut(width).to(width, rule, "rule").line

    def paint_head(self, width: int) -> Line:
        """Titles of the columns."""
        pen = self.pen("head").write(" " + fit("cause", _NAME), "label")
        for title, cells in (("faults", _COUNT), ("share", _SHARE), ("time", _TIME), ("share", _SHARE)):
            pen.write(title.rjust(cells), "label")
        if width - _FIGURES >= _PROSE_LEAST:
            pen.write("  what it is", "label")
        return pen.to(width).line

    def paint_row(self, row: Share, width: int, ground: str) -> Line:
        """One cause, with a bar or its meaning after the figures."""
        pen = self.pen(ground)
        told = row.cause != UNTOLD
        pen.write(" " + fit(row.cause if told else "not told", _NAME), "text" if told else "dim")
        share = formatting.percent(row.of_faults) if told else ""
        pen.write(formatting.count(row.faults).rjust(_COUNT), "text" if told else "dim")
        pen.write(share.rjust(_SHARE), "label")
        pen.write(formatting.duration(row.ns).rjust(_TIME), "text" if told else "dim")
        share = formatting.percent(row.of_time) if told else ""
        pen.write(share.rjust(_SHARE), "strong" if told else "dim").write("  ")
        room = width - pen.width - 1
        if room + 1 >= _PROSE_LEAST:
            pen.write(fit(_meaning(row), room), "label")
        elif told and room >= _BAR_LEAST:
            pen.write(formatting.bar(row.of_time, min(room, _BAR_MOST), ascii=self.ascii), "graph-stall")
        return pen.to(width).line

    def paint_empty(self, width: int) -> Sequence[Line]:
        """Why there are none."""
        plan = self._snapshot.plan if self._snapshot is not None else None
        if plan is not None and not plan.features.cause:
            text = f"the {plan.name} plan does not tell causes"
        else:
            text = "no fault whose cause is told yet"
        return [self.pen().write(f" {text}", "dim").line]


def _meaning(share: Share) -> str:
    if share.cause == UNTOLD:
        return "Not told: this plan finds the causes of logged faults only."
    return CAUSES[NUMBER[share.cause]].meaning
