"""Owns the screen of a single fault: everything its log line knows, in words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from pftop import formatting
from pftop.causes import CAUSES
from pftop.events import MemoryMapping
from pftop.model.snapshot import LogLine
from pftop.ui.footer import Footer, hints
from pftop.ui.log_line import ACCESS, CODES, KINDS, SIGNALS
from pftop.ui.text_rows import TextLine, TextRows

_LABEL, _PROSE = 12, 64
_MEANINGS = {cause.name: cause.meaning for cause in CAUSES}


class FaultScreen(Screen[None]):
    """Pushed over the drill-down for the fault under the log's cursor."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,enter", "dismiss", "Back", tooltip="Back to the process"),
        Binding("q,f10,ctrl+c", "app.leave", "Quit", tooltip="Leave pftop"),
    ]

    def __init__(self, line: LogLine) -> None:
        super().__init__()
        self._fault = line

    def compose(self) -> ComposeResult:
        """The text and a footer."""
        yield TextRows(f"Fault of {self._fault.key.pid} at {formatting.clock(self._fault.time)}", id="fault")
        yield Footer(hints(self.BINDINGS), id="footer")

    def on_mount(self) -> None:
        """Fill and focus."""
        rows = self.query_one("#fault", TextRows)
        rows.set_rows(list(fault_lines(self._fault)))
        self.set_focus(rows)


def fault_lines(line: LogLine) -> Iterator[TextLine]:
    """Everything known of a fault, a fact a line; what is not known is left out."""
    word, ink = KINDS[line.kind]
    yield _fact("thread", f"{line.tid} {line.comm}")
    where = "from kernel code" if line.kernel_mode else "from user code"
    yield (*_fact("kind", word, ink), (f"  {ACCESS[line.access][1]} {where}", "text"))
    if line.latency_ns is not None:
        yield _fact("took", formatting.duration(line.latency_ns), "strong")
    if line.signal:
        code = CODES.get((line.signal, line.si_code), f"code {line.si_code}")
        yield _fact("signal", f"{SIGNALS.get(line.signal, line.signal)}, {code}", "bad")
    if line.cause:
        yield _fact("cause", line.cause, "strong")
        for text in textwrap.wrap(_MEANINGS.get(line.cause, ""), _PROSE):
            yield _fact("", text, "label")
    yield from _where(line)
    yield from _by_what(line)


def _where(line: LogLine) -> Iterator[TextLine]:
    """Address, mapping, and what lies around it."""
    yield _fact("address", formatting.address(line.address))
    if line.mapping is not None:
        yield _fact("mapping", describe(line.mapping))
    for label, mapping in zip(("next below", "next above"), line.neighbours, strict=True):
        if mapping is not None:
            yield _fact(label, describe(mapping))


def _by_what(line: LogLine) -> Iterator[TextLine]:
    """Code, error code, what the log left out, and the stack."""
    if line.ip:
        yield _fact("code", f"{formatting.address(line.ip)} {line.symbol or ''}")
    yield _fact("error code", f"{line.error_code:#x}")
    if line.skipped:
        yield _fact("before it", f"{formatting.count(line.skipped)} faults on that CPU were not logged")
    for depth, frame in enumerate(line.stack):
        home = f"  in {frame.mapping.name}" if frame.mapping is not None else ""
        yield (
            *_fact("stack" if not depth else "", formatting.address(frame.ip)),
            (f" {frame.symbol or ''}{home}", "text"),
        )


def describe(mapping: MemoryMapping) -> str:
    """A mapping's range, rights, size and name."""
    span = f"{formatting.address(mapping.start)}-{formatting.address(mapping.end)}"
    return f"{span} {mapping.perms} {formatting.size(mapping.end - mapping.start)} {mapping.name}"


def _fact(label: str, text: str, ink: str = "text") -> TextLine:
    """A label and what it says."""
    return ((f"{label:{_LABEL}}", "label"), (text, ink))
