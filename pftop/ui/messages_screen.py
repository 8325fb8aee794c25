"""Owns the screen of what the kernel and libbcc said while pftop ran."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from pftop.ui.footer import Footer, hints
from pftop.ui.live_screen import LiveScreen
from pftop.ui.text_rows import TextRows


class MessagesScreen(LiveScreen):
    """The plan, why no better one runs, and the messages, newest last."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,x,backspace", "dismiss", "Back", tooltip="Back to the table"),
        Binding("f10,ctrl+c", "app.leave", "Quit", tooltip="Leave pftop"),
    ]

    def compose(self) -> ComposeResult:
        """The list and a footer."""
        yield TextRows("Messages", empty="nothing to report", id="messages")
        yield Footer(hints(self.BINDINGS), id="footer")

    def on_mount(self) -> None:
        """Fill and focus."""
        self.set_focus(self.query_one("#messages"))

    def show_tick(self) -> None:
        """The messages so far; having been shown they are read."""
        store, plan = self.pftop.store, self.pftop.feed.plan
        store.unread = 0
        lines: list[tuple[tuple[str, str], ...]] = [((f"plan {plan.name}", "strong"),)]
        lines += [((f"  not better: {reason}", "text"),) for reason in plan.why_not_better]
        if plan.next_gives:
            lines.append(((f"  the next plan would give {plan.next_gives}", "text"),))
        lines.append(())
        lines += [((message, "text"),) for message in store.messages]
        self.query_one("#messages", TextRows).set_rows(lines)

    def show_lines(self) -> None:
        """The log is elsewhere."""
