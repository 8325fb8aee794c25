"""Owns the event log: single faults as they come, a tail that stands still while one reads back."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Sequence

from pftop import formatting
from pftop.model.snapshot import LogLine, Snapshot
from pftop.ui import log_line
from pftop.ui.canvas import Line
from pftop.ui.facts import sampled
from pftop.ui.rows import Rows
from pftop.ui.store import LINES_KEPT

Numbered = tuple[int, LogLine]
SPARE_LINES = LINES_KEPT // 16
PAINTED_KEPT = 400


class LogPane(Rows[Numbered]):
    """Lines in the order they came; at the end it follows, anywhere else it stays."""

    def __init__(self, *, named: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._named = named
        """Whether lines say whose they are."""
        self._entries: list[Numbered] = []
        self.seen = 0
        """The number of the next line to take in."""
        self.follow = True
        self._behind = 0
        self._not_shown = 0
        self._note = ""
        self._silent = ""
        self._painted: dict[tuple[int, int, str], Line] = {}
        """Lines as painted, by number, width and ground: a fault that was logged never changes."""

    def row_key(self, row: Numbered) -> Hashable:
        """The line's number."""
        return row[0]

    def add(self, lines: Iterable[Numbered], seen: int) -> None:
        """Append lines; the view moves only when it stands at the end."""
        before = len(self._entries)
        self._entries.extend(lines)
        self.seen = seen
        self._behind = 0 if self.follow else self._behind + len(self._entries) - before
        self._cut()
        self._place()

    def refill(self, lines: Iterable[Numbered], seen: int) -> None:
        """Show other lines, as when the filter changed; whoever reads back stays near the line read."""
        reading = self._entries[self.cursor][0] if self.cursor < len(self._entries) else 0
        offset = self.cursor - self.top
        self._entries = list(lines)
        self.seen = seen
        self.cursor = bisect_left(self._entries, reading, key=lambda pair: pair[0])
        self.top = self.cursor - offset
        self._place()

    def rewind(self) -> None:
        """Follow again."""
        super().rewind()
        self.follow, self._behind = True, 0

    def status(self, snapshot: Snapshot, not_shown: int, silent: str) -> None:
        """What the title says of sampling and loss, and why there may be no lines at all."""
        said = (sampled(snapshot.log), not_shown, silent)
        if said != (self._note, self._not_shown, self._silent):
            self._note, self._not_shown, self._silent = said
            self.repaint()

    def _cut(self) -> None:
        """Forget the oldest, in steps, so that no line costs a copy of the list."""
        if len(self._entries) > LINES_KEPT + SPARE_LINES:
            gone = len(self._entries) - LINES_KEPT
            del self._entries[:gone]
            self.top -= gone
            self.cursor -= gone

    def _place(self) -> None:
        """Stand at the end, or where one was."""
        self.rows = self._entries
        last = max(len(self._entries) - 1, 0)
        if self.follow:
            self.cursor, self.cursor_key = last, None
            self.top = len(self._entries)
        else:
            self.cursor = max(min(self.cursor, last), 0)
        self._settle()

    def resized(self) -> None:
        """Following, show as many lines as fit now; reading back, stay."""
        if self.follow:
            self._place()
        else:
            super().resized()

    def move_to(self, index: int) -> None:
        """Move the cursor; the end is where the tail goes on."""
        super().move_to(index)
        self._set_follow(self.cursor >= len(self._entries) - 1)

    def action_first(self) -> None:
        """Go to the oldest line."""
        self.move_to(0)

    def scroll_rows(self, lines: int) -> None:
        """Move the view; the end is where the tail goes on."""
        super().scroll_rows(lines)
        at_end = self.top >= len(self._entries) - self.view_height
        if not at_end:
            self.cursor = max(min(self.cursor, self.top + self.view_height - 1), self.top)
        self._set_follow(at_end)

    def _set_follow(self, follow: bool) -> None:
        """Follow, or stand still."""
        if follow:
            self._behind = 0
        if follow != self.follow:
            self.follow = follow
        self._place()

    def ground_of(self, index: int) -> str:
        """No cursor while following: it would stand on every new line."""
        return self.GROUND if self.follow else super().ground_of(index)

    def paint_head(self, width: int) -> Line:
        """The title, drawn as a rule."""
        rule = "-" if self.ascii else "─"
        pen = self.pen().write(rule + " ", "rule").write("Log", "title" if self.has_focus else "strong")
        if self.follow:
            pen.write(" following", "label")
        else:
            pen.write(" held", "major")
            pen.write(f" +{formatting.count(self._behind)} new, End follows", "label")
        if self._note:
            # how much is left out is known of all together only
            whose = "faults" if self._named else "of all processes' faults"
            pen.write(f"  {self._note} {whose}", "label")
        if self._not_shown:
            pen.write(f"  +{self._not_shown:,} not shown", "major")
        return pen.write(" ").cut(width).to(width, rule, "rule").line

    def paint_row(self, row: Numbered, width: int, ground: str) -> Line:
        """One fault."""
        key = (row[0], width, ground)
        found = self._painted.get(key)
        if found is None:
            if len(self._painted) >= PAINTED_KEPT:
                self._painted.clear()
            found = self._painted[key] = log_line.paint(self.pen(ground), row[1], width, named=self._named)
        return found

    def paint_empty(self, width: int) -> Sequence[Line]:
        """Why there are no lines."""
        return [self.pen().write(f" {self._silent or 'no fault logged yet'}", "dim").cut(width).line]
