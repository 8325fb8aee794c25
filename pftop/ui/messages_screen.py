"""Owns the screen of the plan that runs, what pftop itself costs, and what the kernel and libbcc said meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from pftop.events import PlanInfo
from pftop.model import own_cost
from pftop.model.snapshot import Snapshot
from pftop.ui.footer import Footer, hints
from pftop.ui.live_screen import LiveScreen
from pftop.ui.text_rows import TextLine, TextRows, wrap

_LABEL, _READABLE = 18, 110
MEASURED = " (by the kernel's statistics, on while this is shown: measuring costs too)"


class MessagesScreen(LiveScreen):
    """The plan, why no better one runs, pftop's own cost, and the messages, newest last."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,x,backspace", "back", "Back", tooltip="Back to the table"),
        Binding("f10,ctrl+c", "app.leave", "Quit", tooltip="Leave pftop"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.text = TextRows("Plan and messages", id="messages")

    def open(self) -> None:
        """Begin at the beginning; BPF run time is measured as long as this is shown."""
        self.pftop.feed.measure_cost(True)
        self.text.rewind()
        self.show_tick()

    def action_back(self) -> None:
        """Leave; the measuring costs, so it ends."""
        self.pftop.feed.measure_cost(False)
        self.dismiss()

    def compose(self) -> ComposeResult:
        """The list and a footer."""
        yield self.text
        yield Footer(hints(self.BINDINGS), id="footer")

    def on_mount(self) -> None:
        """Focus."""
        self.set_focus(self.text)

    def on_resize(self, event: events.Resize) -> None:
        """Wrap for the width."""
        self.show_tick()

    def show_tick(self) -> None:
        """The plan, the cost, and the messages so far; having been shown they are read."""
        store = self.pftop.store
        store.unread = 0
        width = max(min(self.size.width - 2, _READABLE), 30)
        lines = [*plan_lines(self.pftop.feed.plan, width), ()]
        if store.snapshot is not None:
            # Not the paused picture: what pftop costs is no part of it, and is measured only while this is shown.
            lines += [*cost_lines(store.snapshot, width), ()]
        lines.append((("Messages", "title"),))
        lines += [line for message in store.messages for line in message_lines(message, width)]
        if not store.messages:
            lines.append((("  nothing to report", "dim"),))
        self.text.set_rows(lines)

    def show_lines(self) -> None:
        """The log is elsewhere."""


def plan_lines(plan: PlanInfo, width: int) -> Iterator[TextLine]:
    """Which plan runs, why each better one does not, and what the next one would add."""
    yield (("Plan", "title"),)
    able = "" if plan.features.latency else ", rates only"
    yield from _pair(f"{plan.name} runs", f"on Linux {plan.kernel} {plan.arch}{able}", width, "strong")
    for reason in plan.why_not_better:
        name, _, why = reason.partition(": ")
        yield from _pair(f"{name} does not" if why and " " not in name else name, why or reason, width)
    if plan.next_gives:
        yield from _pair("the next adds", plan.next_gives, width)
    elif not plan.why_not_better:
        yield from _pair("", "there is no better one", width)


def cost_lines(snapshot: Snapshot, width: int) -> Iterator[TextLine]:
    """What pftop costs the machine."""
    yield (("Own cost", "title"),)
    for label, text in own_cost.own_cost(snapshot):
        if label == "BPF" and snapshot.plan.features.log and not snapshot.cost.bpf_unknown:
            text += MEASURED
        yield from _pair(label, text, width)


def message_lines(message: str, width: int) -> Iterator[TextLine]:
    """A message, its further lines set in so that it is seen where the next one begins."""
    for place, part in enumerate(wrap(message, width - 4)):
        yield ((f"{'    ' if place else '  '}{part}", "text"),)


def _pair(label: str, text: str, width: int, ink: str = "text") -> Iterator[TextLine]:
    """A label, and a text wrapped beside it."""
    for place, part in enumerate(wrap(text, width - _LABEL - 2)):
        yield ((f"  {'' if place else label:{_LABEL}}", "label"), (part, ink))
