"""Owns the line of tabs that the drill-down has where not everything fits at once."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from pftop.text import fit
from pftop.ui.canvas import Canvas, Line


class TabChosen(Message):
    """A tab was clicked."""

    def __init__(self, tab: int) -> None:
        super().__init__()
        self.tab = tab


class Tabs(Canvas):
    """Numbered names, the open one marked."""

    def __init__(self, names: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = names
        self._chosen = 0
        self._note = ""

    def choose(self, tab: int, note: str = "") -> None:
        """Mark another tab, with a note at the end of the line."""
        self._chosen, self._note = tab, note
        self.repaint()

    def _labels(self) -> list[str]:
        """What stands for the tabs: where not all names have room, that of the open one and the others' numbers."""
        full = [f"{tab + 1} {name}" for tab, name in enumerate(self._names)]
        if 1 + sum(len(text) + 2 for text in full) > self.size.width:
            full = [text if tab == self._chosen else str(tab + 1) for tab, text in enumerate(full)]
        return [f"[{text}]" if tab == self._chosen else f" {text} " for tab, text in enumerate(full)]

    def paint(self, width: int, height: int) -> Sequence[Line]:
        """All tabs."""
        pen = self.pen().write(" ")
        for tab, label in enumerate(self._labels()):
            chosen = tab == self._chosen
            pen.write(label, "strong" if chosen else "label", "head" if chosen else None)
        room = width - pen.width - 1
        return [pen.write(fit(self._note, room, ">"), "label").cut(width).line]

    def on_click(self, event: events.Click) -> None:
        """Choose the tab under the mouse."""
        event.stop()
        at = 1
        for tab, label in enumerate(self._labels()):
            at += len(label)
            if event.x < at:
                self.post_message(TabChosen(tab))
                return
