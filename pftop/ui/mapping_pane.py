"""Owns the list of a process's mappings by faults: where in its memory it faults."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from pftop import formatting
from pftop.model.snapshot import MappingRow, ProcessDetail, Snapshot
from pftop.text import fit
from pftop.ui.canvas import Line, tail
from pftop.ui.rows import Rows
from pftop.ui.waiting import WAITING


class MappingPane(Rows[MappingRow]):
    """Mappings, the one with the most faults first."""

    HEAD_LINES = 2

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._detail: ProcessDetail | None = None
        self._snapshot: Snapshot | None = None
        self.waiting = WAITING
        """What stands where mappings would, while none are known."""

    def show(self, snapshot: Snapshot, detail: ProcessDetail | None) -> None:
        """Show a process's mappings."""
        self._snapshot, self._detail = snapshot, detail
        rows = detail.mappings if detail is not None else ()
        self.set_rows(sorted(rows, key=lambda row: (-(row.minor + row.major), -row.stall_ns)))

    def row_key(self, row: MappingRow) -> Hashable:
        """Where the mapping begins."""
        return row.mapping.start if row.mapping is not None else None

    def ground_of(self, index: int) -> str:
        """A cursor only while one walks the list."""
        return super().ground_of(index) if self.has_focus else self.GROUND

    def action_choose(self) -> None:
        """There is nothing further down."""

    def paint_title(self, width: int) -> Line:
        """What is listed and since when, drawn as a rule."""
        rule = "-" if self.ascii else "─"
        pen = self.pen().write(rule + " ", "rule").write("Mappings", "title" if self.has_focus else "strong")
        detail = self._detail
        if detail is not None and detail.mappings_since_ns is not None and self._snapshot is not None:
            seconds = (self._snapshot.ts_ns - detail.mappings_since_ns) / 1e9
            pen.write(f" by faults, last {formatting.elapsed(seconds)}", "label")
        if detail is not None and detail.unplaced:
            pen.write(f"  {formatting.count(detail.unplaced)} not placed", "major")
        return pen.write(" ").cut(width).to(width, rule, "rule").line

    def paint_head(self, width: int) -> Line:
        """Titles of the columns."""
        pen = self.pen("head").write("  faults  major   stall  ", "label")
        return pen.write("perm    size mapping", "label").to(width).line

    def paint_row(self, row: MappingRow, width: int, ground: str) -> Line:
        """Faults, time, and which mapping."""
        pen = self.pen(ground)
        pen.write(formatting.count(row.minor + row.major).rjust(8), "minor" if row.minor else "dim")
        pen.write(formatting.count(row.major).rjust(7), "major" if row.major else "dim")
        pen.write(formatting.duration(row.stall_ns).rjust(8), "hot" if row.major else "text").write("  ")
        mapping = row.mapping
        if mapping is None:
            return pen.write("(in no mapping that could be read)", "dim").to(width).line
        size = formatting.size(mapping.end - mapping.start)
        pen.write(mapping.perms + " ", "label").write(size.rjust(6) + " ", "label")
        room = width - pen.width
        if room > 50:
            pen.write(tail(mapping.name, room - 15)).write(fit(formatting.address(mapping.start), 15, ">"), "dim")
        else:
            pen.write(tail(mapping.name, room))
        return pen.to(width).line

    def paint_empty(self, width: int) -> Sequence[Line]:
        """Why there are none."""
        plan = self._snapshot.plan if self._snapshot is not None else None
        if plan is not None and not plan.features.pages:
            text = f"the {plan.name} plan does not see addresses"
        elif self._detail is None:
            text = self.waiting
        elif self._detail.mappings_since_ns is None:
            text = "not counted, to keep within --max-overhead"
        else:
            text = "no fault since this process was chosen"
        return [self.pen().write(f" {text}", "dim").cut(width).line]
