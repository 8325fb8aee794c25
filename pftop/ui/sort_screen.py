"""Owns the sort picker: the columns with their meaning, the current one marked."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from pftop.model import table
from pftop.text import fit
from pftop.ui.canvas import Line
from pftop.ui.messages import RowHighlighted
from pftop.ui.rows import Rows


class SortRows(Rows[table.Column]):
    """The columns one can sort by."""

    GROUND = "head"
    CHOOSE_CLICKS = 1

    _current = ""

    def open(self, current: str) -> None:
        """Start at the current column."""
        self._current = self.cursor_key = current
        self.top = 0
        self.set_rows(table.COLUMNS)
        self.resized()

    def row_key(self, row: table.Column) -> Hashable:
        """The column's key."""
        return row.key

    def resized(self) -> None:
        """Have the cursor in view."""
        self.move_to(self.cursor)

    def paint_head(self, width: int) -> Line:
        """What is asked."""
        return self.pen("cursor").write(" Sort by", "strong").to(width).line

    def paint_row(self, row: table.Column, width: int, ground: str) -> Line:
        """A column, its meaning, and a mark on the current one."""
        mark = "*" if row.key == self._current else " "
        pen = self.pen(ground).write(f" {mark} ", "key").write(fit(row.title, 9), "strong")
        return pen.write(fit(row.help, width - pen.width), "label" if ground == self.GROUND else "text").line


class SortScreen(ModalScreen[str | None]):
    """Enter or a click chooses, Esc leaves."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,s,f6,q,backspace", "leave", "Leave"),
        Binding("f10,ctrl+c", "app.leave", "Quit"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.columns = SortRows(id="sort-box")

    def open(self, current: str) -> None:
        """Start at the current column."""
        self.columns.open(current)

    def compose(self) -> ComposeResult:
        """The list alone."""
        yield self.columns

    def on_mount(self) -> None:
        """Give the list its height and the keyboard."""
        self.columns.styles.height = len(table.COLUMNS) + 1
        self.set_focus(self.columns)

    def row_chosen(self, key: Hashable) -> None:
        """Sort by it."""
        self.dismiss(str(key))

    @on(RowHighlighted)
    def _moved(self, event: RowHighlighted) -> None:
        """Nothing follows the cursor here."""
        event.stop()

    def on_click(self, event: events.Click) -> None:
        """A click outside leaves."""
        self.dismiss(None)

    def action_leave(self) -> None:
        """Leave the order as it is."""
        self.dismiss(None)
