"""Owns the drill-down: one process's latency, mappings and events, all at once or by turns."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from pftop.events import ProcessKey
from pftop.ui.cause_pane import CausePane
from pftop.ui.containers import Horizontal, Vertical
from pftop.ui.fault_screen import FaultScreen
from pftop.ui.footer import Footer, hints
from pftop.ui.histogram_pane import KINDS, HistogramPane, Scale
from pftop.ui.identity import IdentityPane
from pftop.ui.layout import DetailLayout, detail_layout
from pftop.ui.live_screen import LiveScreen
from pftop.ui.log_pane import LogPane
from pftop.ui.mapping_pane import MappingPane
from pftop.ui.messages import RowHighlighted
from pftop.ui.tabs import TabChosen, Tabs
from pftop.ui.waiting import why_waiting

LATENCY, MAPPINGS, CAUSES, EVENTS = range(4)
TAB_NAMES = ("Latency", "Mappings", "Causes", "Events")


class DetailScreen(LiveScreen):
    """Pushed over the main screen for a process; walks to the next one without leaving."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", tooltip="Back to the table"),
        Binding("m", "kind", "Minor/Major", tooltip="Minor, major or both"),
        Binding("L", "linear", "Lin/Log", tooltip="Linear or logarithmic bars"),
        Binding("t", "interval", "Total/Tick", tooltip="Bars since pftop started, or of the last interval"),
        Binding("comma", "step(-1)", "Previous", tooltip="The process before this one in the table"),
        Binding("full_stop", "step(1)", "Next", tooltip="The process after this one in the table"),
        Binding("1", "tab(0)", "Latency", tooltip="Show the latency histogram", show=False),
        Binding("2", "tab(1)", "Mappings", tooltip="Show the mappings", show=False),
        Binding("3", "tab(2)", "Causes", tooltip="Show what its faults were for", show=False),
        Binding("4", "tab(3)", "Events", tooltip="Show the events", show=False),
        Binding("enter", "choose_fault", "Fault", tooltip="All about the fault under the cursor", show=False),
        Binding("tab", "next_tab", "Next pane", tooltip="Next pane", show=False),
        Binding("p,Z", "app.pause", "Pause", tooltip="Freeze the picture; counting goes on"),
        Binding("question_mark,f1,h", "app.help", "Help", tooltip="Explain the columns and the keys"),
        Binding("q,f10,ctrl+c", "app.leave", "Quit", tooltip="Leave pftop"),
    ]

    key: ProcessKey

    def __init__(self) -> None:
        super().__init__()
        self.tab = LATENCY
        self._layout_now: DetailLayout | None = None
        self._entered_at = 0
        """The last tick before one turned to the process."""
        self.identity = IdentityPane("pftop", id="identity")
        self.tabs = Tabs(TAB_NAMES, id="tabs")
        self.histogram = HistogramPane(id="histogram")
        self.mappings = MappingPane(id="mappings")
        self.causes = CausePane(id="causes")
        self.log_pane = LogPane(named=False, id="own-log")

    def open(self, key: ProcessKey) -> None:
        """Count this process in depth, and look at it as at any that is new here."""
        self.tab = LATENCY
        self.histogram.scale = Scale()
        self.identity.forget()
        # the table's log may be off; here there is one at any rate
        self.pftop.feed.set_log(True)
        for pane in (self.mappings, self.causes, self.log_pane):
            pane.rewind()
        self._enter(key)
        if self.is_mounted:
            self.fold_panes()
            self.set_focus(self.log_pane)

    def compose(self) -> ComposeResult:
        """Identity, tabs, histogram and mappings, log, footer."""
        yield self.identity
        yield self.tabs
        with Horizontal(id="depth"):
            yield self.histogram
            with Vertical(id="what-and-where"):
                yield self.mappings
                yield self.causes
        yield self.log_pane
        yield Footer(hints(self.BINDINGS), id="footer")

    def on_mount(self) -> None:
        """Start with the log."""
        self.set_focus(self.log_pane)

    def on_resize(self, event: events.Resize) -> None:
        """Fold the panes."""
        self.fold_panes()

    def fold_panes(self) -> None:
        """Give every pane its place for this size and tab."""
        layout = detail_layout(self.size.width, self.size.height)
        self._layout_now = layout
        self.identity.styles.height = layout.identity
        self.identity.with_causes = not layout.beside
        self.tabs.display = layout.tabs
        self.histogram.titled = not layout.tabs
        self._mark_tab()
        self.histogram.display = layout.beside or self.tab == LATENCY
        self.query_one("#what-and-where").display = layout.beside or self.tab in (MAPPINGS, CAUSES)
        self.mappings.display = layout.beside or self.tab == MAPPINGS
        self.causes.display = layout.beside or self.tab == CAUSES
        alone = layout.tabs and self.tab == EVENTS
        self.query_one("#depth").display = not alone
        self.log_pane.display = alone or layout.log > 0
        self.log_pane.styles.height = "1fr" if alone else max(layout.log, 1)
        self.query_one("#footer").display = layout.footer > 0

    def _mark_tab(self) -> None:
        """Show which tab is open, and how the histogram is looked at."""
        note = self.histogram.scale.words if self.tab == LATENCY else ""
        self.tabs.choose(self.tab, note)

    def show_tick(self) -> None:
        """Every pane from the tick."""
        snapshot = self.snapshot
        if snapshot is None:
            return
        self.identity.show(snapshot, self.key, self.pftop.paused_for())
        paused = self.pftop.view.paused is not None
        waiting = why_waiting(self.identity.row, paused=paused, new=snapshot.seq <= self._entered_at)
        self.histogram.waiting = self.mappings.waiting = waiting
        self.histogram.show(snapshot, self.identity.detail, self.identity.row)
        self.mappings.show(snapshot, self.identity.detail)
        self.causes.show(snapshot, self.identity.row)
        plan = self.pftop.feed.plan
        silent = "" if plan.features.log else f"the {plan.name} plan sees no single faults, only counts"
        self.log_pane.status(snapshot, 0, silent)

    def show_lines(self) -> None:
        """The process's new lines."""
        store = self.pftop.store
        if store.arrived == self.log_pane.seen:
            return
        kept = store.kept_since(self.log_pane.seen)
        self.log_pane.add(kept, store.arrived)

    def _enter(self, key: ProcessKey) -> None:
        """Turn to a process."""
        self.key = key
        store = self.pftop.store
        self._entered_at = store.snapshot.seq if store.snapshot is not None else 0
        store.keep_for(key)
        self.pftop.feed.focus(key)
        self.pftop.feed.tick_now()
        self.log_pane.follow = True
        view = self.pftop.view
        if view.paused is None:
            self.log_pane.refill(store.kept_since(0), store.arrived)
        else:
            self.log_pane.refill((pair for pair in view.paused_lines if pair[1].key == key), view.paused_end)
        self.show_tick()

    def action_back(self) -> None:
        """Back to the table, whose cursor goes to the process one was at; no lines are kept apart any more."""
        self.pftop.store.keep_for(None)
        self.pftop.feed.set_log(self.pftop.view.show_log)
        self.pftop.close_process(self.key)

    def action_step(self, step: int) -> None:
        """The next process in the table's order."""
        snapshot = self.snapshot
        if snapshot is None:
            return
        keys = [row.key for row in self.pftop.view.rows(snapshot)]
        if keys:
            at = keys.index(self.key) + step if self.key in keys else 0
            self._enter(keys[at % len(keys)])

    def action_kind(self) -> None:
        """Both, minor, major."""
        kind = KINDS[(KINDS.index(self.histogram.scale.kind) + 1) % len(KINDS)]
        self._look(replace(self.histogram.scale, kind=kind))

    def action_linear(self) -> None:
        """The other scale of the bars."""
        self._look(replace(self.histogram.scale, linear=not self.histogram.scale.linear))

    def action_interval(self) -> None:
        """Since start, or the last interval."""
        self._look(replace(self.histogram.scale, interval=not self.histogram.scale.interval))

    def _look(self, scale: Scale) -> None:
        """Look at the histogram in another way."""
        self.histogram.set_scale(scale)
        self._mark_tab()

    def action_tab(self, tab: int) -> None:
        """Turn to a tab, or, where all are shown, to its pane."""
        self.tab = tab
        self.fold_panes()
        panes: dict[int, Widget] = {MAPPINGS: self.mappings, CAUSES: self.causes}
        self.set_focus(panes.get(tab, self.log_pane))

    def action_choose_fault(self) -> None:
        """Show the fault under the log's cursor."""
        self.log_pane.action_choose()

    def action_next_tab(self) -> None:
        """The next tab, round and round."""
        self.action_tab((self.tab + 1) % len(TAB_NAMES))

    @on(TabChosen)
    def _tab_chosen(self, event: TabChosen) -> None:
        """A click on a tab."""
        event.stop()
        self.action_tab(event.tab)

    def row_chosen(self, key: Hashable) -> None:
        """Show the fault under the log's cursor, or the newest one while the log follows."""
        line = self.log_pane.at_cursor
        if isinstance(key, int) and line is not None:
            self.pftop.open_fault(FaultScreen, line[1])

    @on(RowHighlighted)
    def _ignore(self, event: RowHighlighted) -> None:
        """Nothing here follows a cursor."""
        event.stop()
