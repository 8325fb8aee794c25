"""Owns the pane beside the table on a wide terminal: the selected process in short."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult

from pftop.events import ProcessKey
from pftop.model.snapshot import Snapshot
from pftop.ui.canvas import Canvas, Line
from pftop.ui.containers import Horizontal, Vertical
from pftop.ui.histogram_pane import HistogramPane
from pftop.ui.identity import IdentityPane
from pftop.ui.mapping_pane import MappingPane
from pftop.ui.waiting import why_waiting

MAPPINGS_FROM_HEIGHT = 30


class Divider(Canvas):
    """A line down between two panes."""

    def paint(self, width: int, height: int) -> Sequence[Line]:
        """The same on every line."""
        return [self.pen().write("|" if self.ascii else "│", "rule").line] * height


class SidePane(Horizontal):
    """Who it is, how long its faults take, and where they are."""

    def compose(self) -> ComposeResult:
        """Identity, histogram and mappings, set off from the table."""
        yield Divider()
        with Vertical():
            yield IdentityPane("", id="side-identity")
            yield HistogramPane(id="side-histogram")
            yield MappingPane(id="side-mappings")

    def on_mount(self) -> None:
        """The keyboard has no business here."""
        self.query_one("#side-identity").styles.height = 5
        self.query_one(MappingPane).can_focus = False

    def on_resize(self, event: events.Resize) -> None:
        """Mappings only where the histogram keeps enough."""
        mappings = self.query_one(MappingPane)
        mappings.display = event.size.height >= MAPPINGS_FROM_HEIGHT
        mappings.styles.height = max(event.size.height // 3, 1)

    def show(self, snapshot: Snapshot, key: ProcessKey | None, *, paused: bool = False, new: bool = False) -> None:
        """Show a process; ``new``: no tick has come since its depth was asked for."""
        if not self.display:
            return
        identity, histogram = self.query_one(IdentityPane), self.query_one(HistogramPane)
        mappings = self.query_one(MappingPane)
        identity.show(snapshot, key)
        histogram.waiting = mappings.waiting = why_waiting(identity.row, paused=paused, new=new)
        histogram.show(snapshot, identity.detail, identity.row)
        mappings.show(snapshot, identity.detail)
