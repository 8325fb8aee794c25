"""Owns the list of ready lines under help and messages: (text, ink) pairs that are only to be read."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Sequence

from pftop.text import cell_width, fit
from pftop.ui.canvas import Line
from pftop.ui.rows import Rows

TextLine = tuple[tuple[str, str], ...]
_SECOND_CELL = "\0"


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width`` cells."""
    # textwrap counts characters: one that takes two cells is followed by a stand-in. It may cut between the two,
    # hence a cell less.
    counted = text if text.isascii() else "".join(char + _SECOND_CELL * (cell_width(char) - 1) for char in text)
    lines = textwrap.wrap(counted, width - (counted != text), break_on_hyphens=False)
    return [line.replace(_SECOND_CELL, "") for line in lines]


class TextRows(Rows[TextLine]):
    """Lines without a cursor; the keys of a list scroll them."""

    def __init__(self, title: str, *, empty: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self._title, self._empty = title, empty

    def show(self, lines: Sequence[TextLine], title: str | None = None) -> None:
        """Show other lines from their beginning."""
        self._title = self._title if title is None else title
        self.rewind()
        self.set_rows(lines)

    def row_key(self, row: TextLine) -> Hashable:
        """Lines are never told apart."""
        return row

    def move_to(self, index: int) -> None:
        """Scroll instead of moving a cursor."""
        step = index - self.cursor
        target = index if abs(step) > self.view_height else self.top + step
        self.top = max(target, 0)
        self._settle()

    def _settle(self) -> None:
        """What a key means is counted from what is in view, however that came to be there."""
        super()._settle()
        self.cursor = self.top

    def ground_of(self, index: int) -> str:
        """There is no cursor."""
        return self.GROUND

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is nothing to choose, so Enter means what it means to the screen."""
        return action != "choose"

    def paint_head(self, width: int) -> Line:
        """The title, and how far down one is."""
        pen = self.pen("head").write(f" {self._title}", "title")
        last = min(self.top + self.view_height, len(self.rows))
        where = f"{self.top + 1}-{last} of {len(self.rows)} " if len(self.rows) > self.view_height else ""
        return pen.to(width - len(where)).write(where, "label").line

    def paint_row(self, row: TextLine, width: int, ground: str) -> Line:
        """One line."""
        pen = self.pen(ground).write(" ")
        for text, ink in row:
            pen.write(fit(text, min(cell_width(text), max(width - pen.width, 0))), ink)
        return pen.to(width).line

    def paint_empty(self, width: int) -> Sequence[Line]:
        """What an empty list means."""
        return [self.pen().write(f" {self._empty}", "dim").line]
