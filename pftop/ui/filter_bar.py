"""Owns the line one types into: the filter and the interval, with what is wrong beside it while it is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from pftop.text import fit
from pftop.ui.canvas import Canvas, Line

BOX_LEAST = 12
"""Cells for typing that no message takes away."""


class Asker(Protocol):
    """Who asked. It is called and not sent a message: by the next key it must be settled who has the keyboard."""

    def prompt_changed(self, text: str) -> None:
        """Other text stands in the box."""

    def prompt_closed(self, text: str, *, kept: bool) -> None:
        """The prompt is to be left, with its text kept or undone."""


class _Label(Canvas):
    """Text beside the box."""

    GROUND = "head"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._text, self._ink, self._ground = "", "label", self.GROUND

    def say(self, text: str, ink: str = "label", ground: str | None = None) -> None:
        """Show other text."""
        self._text, self._ink, self._ground = text, ink, ground or self.GROUND
        self.repaint()

    def paint(self, width: int, height: int) -> Sequence[Line]:
        """The text, cut to the room there is."""
        return [self.pen(self._ground).write(fit(self._text, width), self._ink).line]


class PromptBox(Input):
    """Where one types; takes keys and pastes the moment they come, not when their messages do."""

    def take_key(self, event: events.Key) -> bool:
        """Insert what can be printed; says whether that was all the key means."""
        if event.is_printable and event.character is not None:
            self.replace(event.character, *self.selection)
            return True
        return False

    def take_paste(self, event: events.Paste) -> None:
        """Insert the first line."""
        self._on_paste(event)

    async def action_submit(self) -> None:
        """Enter."""
        bar = self.parent
        assert isinstance(bar, FilterBar)
        bar.action_keep()


class FilterBar(Horizontal):
    """A prompt over the table; keeps or undoes what was typed, and stays to show a filter that is on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "keep", "Keep what was typed", show=False),
        Binding("escape", "undo", "Undo what was typed", show=False),
    ]

    def __init__(self, asker: Asker, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._asker = asker
        self._before = ""
        self._name_width = 0

    def compose(self) -> ComposeResult:
        """What is asked, the box, and how it goes."""
        yield _Label(id="prompt-name")
        box = PromptBox(id="prompt-box", select_on_focus=False)
        box.cursor_blink = False
        yield box
        yield _Label(id="prompt-state")

    @property
    def box(self) -> PromptBox:
        """Where one types."""
        return self.query_one("#prompt-box", PromptBox)

    @property
    def open(self) -> bool:
        """Whether it has the keyboard."""
        return bool(self.display) and self.box.has_focus

    def ask(self, name: str, text: str) -> None:
        """Open with a text that is what Esc comes back to."""
        self.display = True
        self._before = text
        self._call_it(name)
        self.box.can_focus = True
        with self.box.prevent(Input.Changed):
            self.box.value = text
        self.box.cursor_position = len(text)
        self.screen.set_focus(self.box)

    def rest(self, name: str, text: str) -> None:
        """Show what is on, without the keyboard; nothing on, nothing shown."""
        self.box.can_focus = False
        self.remove_class("-bad")
        self.display = bool(text)
        self._call_it(name)
        with self.box.prevent(Input.Changed):
            self.box.value = text

    def _call_it(self, name: str) -> None:
        label = self.query_one("#prompt-name", _Label)
        label.styles.width = self._name_width = len(name) + 3
        label.say(f" {name}> ", "title")

    def state(self, text: str, *, bad: bool = False) -> None:
        """Say how it goes; bad is red, and in words."""
        self.set_class(bad, "-bad")
        label = self.query_one("#prompt-state", _Label)
        typed = max(len(self.box.value) + 2, BOX_LEAST)
        # Of the bar itself no width is known before it was shown for the first time.
        room = self.screen.size.width - self._name_width - typed
        label.styles.width = max(min(len(text) + 3, room), 12)
        label.say(f" {text} ", "on-alert" if bad else "label", "alert" if bad else None)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Try what was typed, unless more was typed meanwhile, or the prompt was left."""
        event.stop()
        if self.open and event.value == self.box.value:
            self._asker.prompt_changed(event.value)

    def on_input_blurred(self, event: Input.Blurred) -> None:
        """Whoever asked has seen already where the keyboard went."""
        event.stop()

    def action_keep(self) -> None:
        """Close and keep."""
        self._asker.prompt_closed(self.box.value, kept=True)

    def action_undo(self) -> None:
        """Close and go back."""
        self._asker.prompt_closed(self._before, kept=False)

    def on_click(self, event: events.Click) -> None:
        """A click into a filter at rest edits it."""
        event.stop()
