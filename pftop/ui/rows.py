"""Owns ``Rows``, the virtual list under the process table, the event log and every other list.

Not textual's DataTable: it parses cells given as ``str`` as markup, its work per refresh follows all rows, its
sort keeps the cursor on a line and not on a process, and it takes about a second to fill 10,000 rows. Not
RichLog: once full it copies its whole list at every write. Not even ScrollView: its virtual size lays the
screen out anew whenever the number of rows changes, and its scroll bars cannot be drawn in ASCII. Here the
rows stay where they are, and only those in view are ever painted.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar, Generic, Protocol, TypeVar, runtime_checkable

from textual import events
from textual.binding import Binding, BindingType

from pftop.ui.canvas import Canvas, Line
from pftop.ui.messages import HeadClicked, RowHighlighted

RowT = TypeVar("RowT")
WHEEL_LINES = 3


@runtime_checkable
class Chooser(Protocol):
    """A screen whose rows can be opened. It is called and not sent a message: the next key is for what opens."""

    def row_chosen(self, key: Hashable) -> None:
        """Enter or a double click on a row."""


class Rows(Canvas, Generic[RowT], can_focus=True):
    """A list of rows under an optional head, with a cursor that stays on its row wherever that goes."""

    HEAD_LINES = 1
    CHOOSE_CLICKS = 2
    """Clicks that open a row."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up"),
        Binding("down,j", "move(1)", "Down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down"),
        Binding("home,g", "first", "First row"),
        Binding("end,G", "last", "Last row"),
        Binding("enter", "choose", "Open"),
    ]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.rows: Sequence[RowT] = ()
        self.head_lines = self.HEAD_LINES
        self.top = 0
        """The first row in view."""
        self.cursor = 0
        self.cursor_key: Hashable | None = None
        """Whom the cursor follows; None until it is moved, so that an untouched list stays at its top."""
        self._led = False
        """Whether the view stands where it does because a row was followed there, and not by the user's wish."""
        self._height = 0
        """Rows that were in view when it was placed last."""
        self._pressed = 0

    def row_key(self, row: RowT) -> Hashable:
        """What makes a row itself."""
        raise NotImplementedError

    def is_over(self, key: Hashable) -> bool:
        """Whether whoever the cursor follows has ended, and so is not to lead the view away from the top."""
        return False

    def resting_place(self) -> int:
        """Where the cursor is while it follows nobody."""
        return 0

    def paint_row(self, row: RowT, width: int, ground: str) -> Line:
        """A row in ``width`` cells."""
        raise NotImplementedError

    def paint_head(self, width: int) -> Line:
        """The head's last line."""
        raise NotImplementedError

    def paint_title(self, width: int) -> Line:
        """The line over it, where ``head_lines`` is 2."""
        raise NotImplementedError

    def head_at(self, x: int) -> str | None:
        """The column whose title is at this cell."""
        return None

    def paint_empty(self, width: int) -> Sequence[Line]:
        """What to show when there are no rows."""
        return ()

    @property
    def view_height(self) -> int:
        """Rows in view."""
        return max(self.size.height - self.head_lines, 0)

    @property
    def at_cursor(self) -> RowT | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def set_rows(self, rows: Sequence[RowT]) -> None:
        """Show other rows; the cursor and what is in view stay with theirs."""
        in_view = self.top <= self.cursor < self.top + max(self._height, 1)
        offset = self.cursor - self.top
        self.rows = rows
        if self.cursor_key is not None:
            self.cursor = self._find(self.cursor_key)
            if self.is_over(self.cursor_key):
                self._let_go()
        if self.cursor_key is None:
            self.cursor = self.resting_place()
        elif in_view and not self._visible(self.cursor):
            self.top = self.cursor - offset
            self._led = True
        self._settle()

    def _let_go(self) -> None:
        """Of a row that has ended, follow the top again; whoever went down the list by himself stays there."""
        there = self.rows[self.cursor] if self.rows else None
        gone = there is None or self.row_key(there) != self.cursor_key
        if self._led or (not self.top and (gone or not self._visible(self.cursor))):
            self.rewind()
        elif gone and there is not None:
            self.cursor_key = self.row_key(there)

    def rewind(self) -> None:
        """Stand as if nobody had moved here yet; painted with the rows that come next."""
        self.top = self.cursor = 0
        self.cursor_key = None
        self._led = False

    def resized(self) -> None:
        """Find a place in the new size, and paint."""
        self._settle()

    def _find(self, key: Hashable) -> int:
        """Where a row went; if it is gone, as near as the list allows to where it was."""
        for index, row in enumerate(self.rows):
            if self.row_key(row) == key:
                return index
        return max(min(self.cursor, len(self.rows) - 1), 0)

    def _visible(self, index: int) -> bool:
        return self.top <= index < self.top + self.view_height

    def _settle(self) -> None:
        """Keep the view inside the list, and a cursor that was in view inside that however low it becomes; paint."""
        before, height = self._height, self.view_height
        if height:
            self._height = height
            if self.top + height <= self.cursor < self.top + before:
                self._led = self._led or not self.top
                self.top = self.cursor - height + 1
        self.top = max(min(self.top, len(self.rows) - self.view_height), 0)
        self.repaint()

    def paint(self, width: int, height: int) -> Sequence[Line]:
        """The head and the rows in view."""
        lines = [self.paint_title(width)] if self.head_lines > 1 else []
        lines.append(self.paint_head(width))
        if not self.rows:
            return [*lines, *self.paint_empty(width)]
        in_view = range(self.top, min(self.top + self.view_height, len(self.rows)))
        return lines + [self.paint_row(self.rows[index], width, self.ground_of(index)) for index in in_view]

    def ground_of(self, index: int) -> str:
        """The ground of a row: the cursor's, paler when another pane has the keyboard."""
        if index != self.cursor:
            return self.GROUND
        return "cursor" if self.has_focus else "cursor-away"

    def move_to(self, index: int) -> None:
        """Put the cursor on a row, as the user does, and bring it into view."""
        if not self.rows:
            return
        self.cursor = max(min(index, len(self.rows) - 1), 0)
        self.cursor_key = self.row_key(self.rows[self.cursor])
        self._led = False
        if self.cursor < self.top:
            self.top = self.cursor
        elif self.cursor >= self.top + self.view_height:
            self.top = self.cursor - self.view_height + 1
        self._settle()
        self.post_message(RowHighlighted(self.cursor_key))

    def select(self, key: Hashable) -> None:
        """Put the cursor on the row of this key, if there is one; the view does not go after one that has ended."""
        index = self._find(key)
        if not self.rows or self.row_key(self.rows[index]) != key:
            return
        top = self.top
        self.move_to(index)
        if self.top != top:
            self._led = True
            self.set_rows(self.rows)

    def action_move(self, lines: int) -> None:
        """Move the cursor."""
        self.move_to(self.cursor + lines)

    def action_page(self, pages: int) -> None:
        """Move the cursor by what fits in view."""
        self.move_to(self.cursor + pages * max(self.view_height - 1, 1))

    def action_first(self) -> None:
        """Go to the top, and stay there whoever comes to stand there."""
        self.move_to(0)
        self.cursor_key = None

    def action_last(self) -> None:
        """Go to the last row."""
        self.move_to(len(self.rows) - 1)

    def action_choose(self) -> None:
        """Open the row under the cursor."""
        row = self.at_cursor
        screen = self.screen
        if row is not None and isinstance(screen, Chooser):
            screen.row_chosen(self.row_key(row))

    def scroll_rows(self, lines: int) -> None:
        """Move the view and leave the cursor where it is."""
        self.top += lines
        self._led = False
        self._settle()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Wheel."""
        event.stop()
        self.scroll_rows(WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Wheel."""
        event.stop()
        self.scroll_rows(-WHEEL_LINES)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Remember where: a prompt that is left by this takes its line away, and all below has moved at the click."""
        self._pressed = event.y

    def on_click(self, event: events.Click) -> None:
        """Select a row, open it on a double click, or sort by a title."""
        event.stop()
        line = self._pressed - self.head_lines
        if line < 0:
            key = self.head_at(event.x) if line == -1 else None
            if key is not None:
                self.post_message(HeadClicked(key))
        elif self.top + line < len(self.rows):
            if event.chain == 1:
                # Not at the second click: the list may have been sorted anew, and the first said who is meant.
                self.move_to(self.top + line)
            if event.chain == self.CHOOSE_CLICKS:
                self.action_choose()

    def on_focus(self, event: events.Focus) -> None:
        """Show the cursor in full."""
        self.repaint()

    def on_blur(self, event: events.Blur) -> None:
        """Show the cursor paler."""
        self.repaint()
