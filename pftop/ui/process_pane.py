"""Owns the process table: the model's columns painted, with what each number means in its ink."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from pftop import formatting
from pftop.events import ProcessKey
from pftop.model import table
from pftop.model.snapshot import ProcessRow, Snapshot
from pftop.text import fit
from pftop.ui.canvas import Line, Pen
from pftop.ui.rows import Rows
from pftop.ui.view import View

WIDE_TREND, WIDE_USER = 20, 12
_ROOMY = 32
NEAR_TOP = 5
"""Rows from the top among which an untouched cursor stays with its process: ranks up there change all the time."""
_GIVEN_UP = ("trend", "cause", "command")
# Share of wall time stalled from which a process is warm, hot and burning.
_HEAT = ((0.5, "burning"), (0.1, "hot"), (0.01, "warm"))
_ARROWS = {(False, True): "▼", (False, False): "▲", (True, True): "v", (True, False): "^"}


class ProcessPane(Rows[ProcessRow]):
    """One row a process, sorted and filtered by the view."""

    def __init__(self, view: View, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = view
        self._snapshot: Snapshot | None = None
        self._columns: tuple[tuple[table.Column, int], ...] = ()
        self._columns_for: tuple[int, str] | None = None
        self.steady: ProcessKey | None = None
        """Whom an untouched cursor stays with, as it is described beside the table."""

    def show(self, snapshot: Snapshot) -> None:
        """Show a tick as the view wants it."""
        self._snapshot = snapshot
        self.set_rows(self._view.rows(snapshot))

    def row_key(self, row: ProcessRow) -> Hashable:
        """The process."""
        return row.key

    def is_over(self, key: Hashable) -> bool:
        """Whether a process has ended; one that is only filtered out has not."""
        row = self.at_cursor
        if row is None or row.key != key:
            processes = self._snapshot.processes if self._snapshot is not None else ()
            row = next((row for row in processes if row.key == key), None)
        return row is None or row.exited

    def resting_place(self) -> int:
        """The top, or the process described beside the table while it is close to it."""
        near = enumerate(self.rows[:NEAR_TOP])
        return next((at for at, row in near if row.key == self.steady and not row.exited), 0)

    def move_to(self, index: int) -> None:
        """Put the cursor on a row, which is then the one it stays with."""
        self.steady = None
        super().move_to(index)

    def columns(self, width: int) -> tuple[tuple[table.Column, int], ...]:
        """The columns that fit, each with the cells it gets; the last takes what is left."""
        if self._columns_for == (width, self._view.sort):
            return self._columns
        kept = table.fold(table.COLUMNS, width, keep=self._view.sort)
        widths = [column.width for column in kept]
        spare = width - sum(widths) - len(kept)
        for index, column in enumerate(kept):
            wish = {"trend": WIDE_TREND, "user": WIDE_USER}.get(column.key, column.width) - column.width
            if wish and spare >= wish + 20:
                widths[index] += wish
                spare -= wish
        widths[-1] += spare
        self._columns = tuple(zip(kept, widths, strict=True))
        self._columns_for = (width, self._view.sort)
        return self._columns

    def head_at(self, x: int) -> str | None:
        """The column under a click."""
        at = 1
        for column, width in self.columns(self.size.width):
            if x < at + width:
                return column.key
            at += width + 1
        return None

    def paint_head(self, width: int) -> Line:
        """Titles, with an arrow on the one that is sorted by, and how many rows are above those in view."""
        pen = self.pen("head").write(" ")
        arrow = _ARROWS[self.ascii, self._view.descending]
        columns = self.columns(width)
        last, room = columns[-1]
        above = f"{self.top} above " if self.top else ""
        if len(last.title) + len(arrow) + 1 + len(above) > room:
            above = ""
        for column, cells in columns:
            chosen = column.key == self._view.sort
            cells -= len(above) + 1 if column is last and above else 0
            title = fit(column.title, cells, column.align)
            if chosen and column.align == "<":
                title = fit(column.title.rstrip() + arrow, cells)
            pen.write(title, "strong" if chosen else "label")
            pen.write(arrow if chosen and column.align == ">" else " ", "strong")
        return pen.write(above, "strong").to(width).line

    def paint_row(self, row: ProcessRow, width: int, ground: str) -> Line:
        """One process."""
        assert self._snapshot is not None
        interval_ns = self._snapshot.interval_ns
        pen = self.pen(ground)
        pen.write(self._mark(row, ground), "key" if row.family else "strong")
        columns = self.columns(width)
        if row.exited:
            self._write_exited(pen, row, columns, interval_ns)
            columns = ()
        for column, cells in columns:
            self._write_cell(pen, row, column, cells, interval_ns)
        return pen.to(width).line

    def _mark(self, row: ProcessRow, ground: str) -> str:
        """The sign at the left edge: the cursor, or a member of the followed command's family."""
        if ground != self.GROUND:
            return ">"
        return "*" if row.family else " "

    def _write_cell(self, pen: Pen, row: ProcessRow, column: table.Column, cells: int, interval_ns: int) -> None:
        """One cell in the ink of what it says."""
        if column.key == "trend":
            text = formatting.spark(row.trend, cells, ascii=self.ascii)
            pen.write(text + " ", "graph")
            return
        text = column.text(row, interval_ns)
        pen.write(fit(text, cells, column.align) + " ", _ink(row, column, interval_ns))

    def _write_exited(
        self, pen: Pen, row: ProcessRow, columns: Sequence[tuple[table.Column, int]], interval_ns: int
    ) -> None:
        """A process that has ended: in grey, and from the trend on, which it has none of, what it did."""
        room = 0
        for column, cells in columns:
            if column.key in _GIVEN_UP:
                room += cells + 1
                continue
            text = column.text(row, interval_ns)
            pen.write(fit(f"({text})" if column.key == "pid" else text, cells, column.align) + " ", "exited")
        said = f"{row.comm} exited: {did(row)}" if room > _ROOMY else f"{row.comm} {did(row)}"
        cause = table.column("cause").text(row, interval_ns)
        if cause != formatting.UNKNOWN and len(said) + len(cause) + 2 < room:
            said += f", {cause}"
        pen.write(fit(said, room - 1) + " ", "exited")

    def paint_empty(self, width: int) -> Sequence[Line]:
        """Why there are no rows."""
        if self._snapshot is None:
            return ()
        if not self._view.query.empty and self._view.total:
            text = f" none of {self._view.total} processes matches the filter"
        else:
            text = " no process has faulted yet"
        return [self.pen().line, self.pen().write(text, "dim").line]


def did(row: ProcessRow) -> str:
    """What a process that has ended did in all."""
    text = f"{formatting.count(row.minor_total)} min"
    if row.major_total:
        text += f" {formatting.count(row.major_total)} maj"
    if row.invalid_total:
        text += f" {formatting.count(row.invalid_total)} inv"
    if row.stall_total_ns is not None:
        text += f" {formatting.duration(row.stall_total_ns)}"
    return text


def heat(ratio: float | None) -> str:
    """The ink of a share of wall time."""
    if not ratio:
        return "dim"
    return next((ink for least, ink in _HEAT if ratio >= least), "text")


def _ink(row: ProcessRow, column: table.Column, interval_ns: int) -> str:
    """What a number means; one that is 0 or unknown stands back."""
    key = column.key
    if key in ("stall", "wall"):
        return heat(None if row.stall_ns is None else row.stall_ns / max(interval_ns, 1))
    counted = {"min": row.minor, "maj": row.major, "inv": row.invalid}
    if key in counted:
        ink = {"min": "minor", "maj": "major", "inv": "invalid"}[key]
        return ink if counted[key] else "dim"
    if key in ("command", "pid"):
        return "strong" if key == "command" and row.family else "text"
    if key == "cause":
        return "text" if table.column(key).value(row, interval_ns) is not None else "dim"
    return "label" if key in ("user", "rss") else "text"
