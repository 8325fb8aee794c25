"""Owns the main screen: which panes are up, and what keys, clicks and new data mean to them."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from pftop.events import ProcessKey
from pftop.model.snapshot import Snapshot
from pftop.ui.containers import Horizontal, Vertical
from pftop.ui.facts import Standing
from pftop.ui.fault_screen import LoggedFaultScreen
from pftop.ui.filter_bar import FilterBar
from pftop.ui.footer import Footer, hints
from pftop.ui.header import Header
from pftop.ui.layout import Layout, main_layout
from pftop.ui.live_screen import LiveScreen
from pftop.ui.log_pane import LogPane
from pftop.ui.messages import HeadClicked, RowHighlighted
from pftop.ui.process_pane import ProcessPane
from pftop.ui.prompting import Prompting
from pftop.ui.side_pane import SidePane

FOCUS_AFTER_S = 0.3
"""How long a row is selected before its process is counted in depth: less is only the cursor passing by."""


class MainScreen(Prompting, LiveScreen):
    """The process table over the event log, with the selected process beside them where there is room."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1,h", "app.help", "Help", tooltip="Explain the columns and the keys"),
        Binding("slash,f4,backslash", "filter", "Filter", tooltip="Show only processes that match, as you type"),
        Binding("s,f6", "sort", "Sort", tooltip="Choose the column to sort by"),
        Binding("enter", "open", "Detail", tooltip="Drill down into the selected process"),
        Binding("p,Z", "app.pause", "Pause", tooltip="Freeze the picture; counting goes on"),
        Binding("l", "log", "Log", tooltip="Event log on or off"),
        Binding("d", "interval", "Delay", tooltip="Seconds between ticks, 0.1 to 60"),
        Binding("r,I", "reverse", "Reverse", tooltip="Turn the order round"),
        Binding("tab", "app.focus_next", "Pane", tooltip="Next pane"),
        Binding("x", "app.messages", "Messages", tooltip="Why this plan, what pftop costs, what libbcc said"),
        Binding("less_than_sign", "step_sort(-1)", "Sort left", tooltip="Sort by the column to the left", show=False),
        Binding("greater_than_sign", "step_sort(1)", "Sort right", tooltip="Sort by the next column", show=False),
        Binding("escape", "clear_filter", "Clear filter", tooltip="Take the filter off", show=False),
        Binding("ctrl+z", "app.suspend_process", "Suspend", tooltip="Suspend; fg brings it back", show=False),
        Binding("q,f10,ctrl+c", "app.leave", "Quit", tooltip="Leave pftop"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._layout_now: Layout | None = None
        self._side_key: ProcessKey | None = None
        self._focused: ProcessKey | None = None
        self._asked_at = math.inf
        """The tick after which the depth of ``_focused`` was asked for."""

    def compose(self) -> ComposeResult:
        """Header, prompt, table and log with the side pane, footer."""
        yield Header(id="header")
        yield FilterBar(self, id="prompt")
        with Horizontal(id="middle"):
            with Vertical(id="left"):
                yield ProcessPane(self.pftop.view, id="processes")
                yield LogPane(id="log")
            yield SidePane(id="side")
        yield Footer(hints(self.BINDINGS), id="footer")

    def on_mount(self) -> None:
        """Start with the table."""
        self.prompt_home()
        self.prompt_rest()

    @property
    def processes(self) -> ProcessPane:
        """The table."""
        return self.query_one("#processes", ProcessPane)

    @property
    def log_pane(self) -> LogPane:
        """The log."""
        return self.query_one("#log", LogPane)

    @property
    def side(self) -> SidePane:
        """The selected process's pane."""
        return self.query_one("#side", SidePane)

    def on_resize(self, event: events.Resize) -> None:
        """Fold the panes."""
        self.fold_panes()

    def fold_panes(self) -> None:
        """Give every pane its place for this size."""
        layout = main_layout(self.size.width, self.size.height, log=self.pftop.view.show_log)
        if layout == self._layout_now:
            return
        self._layout_now = layout
        self.query_one("#header").styles.height = layout.header
        self.log_pane.display = layout.log > 0
        self.log_pane.styles.height = max(layout.log, 1)
        self.query_one("#footer").display = layout.footer > 0
        self.side.display = layout.side > 0
        self.side.styles.width = max(layout.side, 1)
        if not layout.log and self.focused is self.log_pane:
            self.prompt_home()
        self._follow_selected()

    def show_tick(self) -> None:
        """Header, table, log title and side pane."""
        snapshot = self.snapshot
        if snapshot is not None:
            self.processes.show(snapshot)
            self._filter_log()
            self.log_pane.status(snapshot, self.pftop.store.not_shown, self._why_silent())
            self._follow_selected()
            self._show_side(snapshot)
            self.prompt_count()
        self.show_header()

    def _show_side(self, snapshot: Snapshot) -> None:
        """The process under the cursor, beside the table."""
        paused, new = self.pftop.view.paused is not None, snapshot.seq <= self._asked_at
        self.side.show(snapshot, self._side_key, paused=paused, new=new)

    def show_paused(self) -> None:
        """Only the header moves."""
        self.show_header()

    def show_header(self) -> None:
        """The header alone."""
        view, snapshot = self.pftop.view, self.snapshot
        standing = Standing(
            paused_s=self.pftop.paused_for(),
            shown=len(self.processes.rows),
            total=view.total,
            restriction=view.restriction,
            unread=self.pftop.store.unread,
            interval_s=self.pftop.feed.interval_s,
            bpf_cost=self.pftop.options.cost,
        )
        self.query_one("#header", Header).show(snapshot, standing)

    def show_lines(self) -> None:
        """The log's new lines, of the processes the filter lets through."""
        store = self.pftop.store
        wanted = self.pftop.view.wants
        new = [pair for pair in store.since(self.log_pane.seen) if wanted(pair[1].key)]
        if new or self.log_pane.seen != store.arrived:
            self.log_pane.add(new, store.arrived)

    def _filter_log(self) -> None:
        """Have the log show other processes, when the filter came to let others through."""
        if self.pftop.view.take_changed() and self.pftop.view.paused is None:
            self.refilter_log()

    def refilter_log(self) -> None:
        """Fill the log anew."""
        view, store = self.pftop.view, self.pftop.store
        lines, end = (store.since(0), store.arrived) if view.paused is None else (view.paused_lines, view.paused_end)
        self.log_pane.refill((pair for pair in lines if view.wants(pair[1].key)), end)

    def _why_silent(self) -> str:
        """Why the log is empty, where there is a reason."""
        plan = self.pftop.feed.plan
        if not plan.features.log:
            return f"the {plan.name} plan sees no single faults, only counts" + (
                f"; the next plan gives {plan.next_gives}" if plan.next_gives else ""
            )
        return "" if self.pftop.view.query.empty else "no logged fault of the processes shown"

    def _follow_selected(self) -> None:
        """Have the process under the cursor counted in depth once the cursor has rested there."""
        pane = self.processes
        row = pane.at_cursor
        self._side_key = row.key if row is not None else None
        wanted = pane.steady = self._side_key if self.side.display else None
        if wanted != self._focused and self.is_current:
            self._focused, self._asked_at = wanted, math.inf
            self.set_timer(FOCUS_AFTER_S, lambda: self._focus_if_still(wanted))

    def _focus_if_still(self, key: ProcessKey | None) -> None:
        """Ask for the depth of a process that is still selected."""
        if key == self._focused and self.is_current:
            self.pftop.feed.focus(key)
            snapshot = self.pftop.store.snapshot
            self._asked_at = snapshot.seq if snapshot is not None else 0

    def on_screen_resume(self) -> None:
        """Count the selected process again rather than the one drilled into; textual calls the base's handler too."""
        self._focused = None
        self.pftop.feed.focus(None)

    @on(RowHighlighted)
    def _highlighted(self, event: RowHighlighted) -> None:
        """The side pane goes along."""
        event.stop()
        self._follow_selected()
        snapshot = self.snapshot
        if snapshot is not None:
            self._show_side(snapshot)

    def row_chosen(self, key: Hashable) -> None:
        """Drill down from a row of the table; of a line of the log, or the newest one while it follows, tell all."""
        line = self.log_pane.at_cursor
        if isinstance(key, ProcessKey):
            self.pftop.open_process(key)
        elif line is not None:
            self.pftop.open_fault(LoggedFaultScreen, line[1])

    def action_open(self) -> None:
        """Drill down into the row under the table's cursor."""
        self.processes.action_choose()

    @on(HeadClicked)
    def _head_clicked(self, event: HeadClicked) -> None:
        """Sort by the column whose title was clicked."""
        event.stop()
        self.pftop.view.sort_by(event.key)
        self.show_tick()

    def action_step_sort(self, step: int) -> None:
        """Sort by the column beside this one, of those on screen."""
        shown = [column.key for column, _ in self.processes.columns(self.size.width)]
        self.pftop.view.step_sort(shown, step)
        self.show_tick()

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.pftop.view.reverse = not self.pftop.view.reverse
        self.show_tick()

    def action_sort(self) -> None:
        """Choose a column."""
        self.pftop.choose_sort()

    def action_log(self) -> None:
        """Log on or off; while it is off its faults are not even resolved."""
        view = self.pftop.view
        view.show_log = not view.show_log
        self.pftop.feed.set_log(view.show_log)
        self.fold_panes()
