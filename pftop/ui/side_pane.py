"""Owns the pane beside the table on a wide terminal: the selected process in short."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from pftop.events import ProcessKey
from pftop.model.snapshot import Snapshot
from pftop.ui.histogram_pane import HistogramPane
from pftop.ui.identity import IdentityPane, detail_of
from pftop.ui.mapping_pane import MappingPane

MAPPINGS_FROM_HEIGHT = 30


class SidePane(Vertical):
    """Who it is, how long its faults take, and where they are."""

    def compose(self) -> ComposeResult:
        """Identity, histogram and mappings."""
        yield IdentityPane("", id="side-identity")
        yield HistogramPane(id="side-histogram")
        yield MappingPane(id="side-mappings")

    def on_mount(self) -> None:
        """The keyboard has no business here."""
        self.query_one("#side-identity").styles.height = 4
        self.query_one(MappingPane).can_focus = False

    def on_resize(self, event: events.Resize) -> None:
        """Mappings only where the histogram keeps enough."""
        mappings = self.query_one(MappingPane)
        mappings.display = event.size.height >= MAPPINGS_FROM_HEIGHT
        mappings.styles.height = max(event.size.height // 3, 1)

    def show(self, snapshot: Snapshot, key: ProcessKey | None) -> None:
        """Show a process."""
        if not self.display:
            return
        detail = detail_of(snapshot, key)
        self.query_one(IdentityPane).show(snapshot, key)
        self.query_one(HistogramPane).show(snapshot, detail)
        self.query_one(MappingPane).show(snapshot, detail)
