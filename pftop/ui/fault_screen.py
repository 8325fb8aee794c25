"""Owns the screen of a single fault: all that is known of it, in words and wrapped to the width."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from pftop import formatting
from pftop.events import PlanInfo
from pftop.model.explain import explain
from pftop.model.snapshot import LogLine
from pftop.ui.footer import Footer, hints
from pftop.ui.live_screen import LiveScreen
from pftop.ui.log_line import KINDS
from pftop.ui.text_rows import TextLine, TextRows, wrap

_LABEL, _READABLE = 13, 110
_INKS = {"signal": "bad", "likely": "strong", "cause": "strong"}
_NEW_PARAGRAPH = ("address", "instruction", "error code")


class FaultScreen(LiveScreen):
    """Pushed over the drill-down for the fault under its log's cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,backspace,enter", "dismiss", "Back", tooltip="Back to the process"),
        Binding("f10,ctrl+c", "app.leave", "Quit", tooltip="Leave pftop"),
    ]

    fault: LogLine

    def __init__(self) -> None:
        super().__init__()
        self.text = TextRows("", id="fault")

    def open(self, line: LogLine) -> None:
        """Tell of this fault."""
        self.fault = line
        title = f"Fault of {line.key.pid} {line.comm} at {formatting.clock(line.time)}"
        self.text.show(self._lines(self.size.width), title)

    def _lines(self, width: int) -> list[TextLine]:
        """Wrapped for the width."""
        return list(fault_lines(self.fault, self.pftop.feed.plan, min(width - 2, _READABLE)))

    def compose(self) -> ComposeResult:
        """The text and a footer."""
        yield self.text
        yield Footer(hints(self.BINDINGS), id="footer")

    def on_mount(self) -> None:
        """Focus."""
        self.set_focus(self.text)

    def on_resize(self, event: events.Resize) -> None:
        """Wrap for the width."""
        self.text.set_rows(self._lines(event.size.width))

    def show_tick(self) -> None:
        """A fault is over: nothing about it changes."""

    def show_lines(self) -> None:
        """The log is elsewhere."""


class LoggedFaultScreen(FaultScreen):
    """Pushed over the main screen, from where one may go on to the process."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,backspace", "dismiss", "Back", tooltip="Back to the log"),
        Binding("enter", "process", "Process", tooltip="Drill down into the process"),
        Binding("f10,ctrl+c", "app.leave", "Quit", tooltip="Leave pftop"),
    ]

    def action_process(self) -> None:
        """Drill down; from there Esc leads back to the table."""
        self.dismiss()
        self.pftop.open_process(self.fault.key)


def fault_lines(line: LogLine, plan: PlanInfo, width: int) -> Iterator[TextLine]:
    """All that is known of a fault: labels on the left, texts wrapped beside them."""
    for label, text in explain(line, plan):
        if label in _NEW_PARAGRAPH:
            yield ()
        ink = KINDS[line.kind][1] if label == "what" else _INKS.get(label, "text")
        wrapped = wrap(text, max(width - _LABEL, 20)) or [""]
        for place, part in enumerate(wrapped):
            yield ((f"{label if not place else '':{_LABEL}}", "label"), (part, ink))
