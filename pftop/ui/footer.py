"""Owns the footer: the keys that matter here, as many as fit, each of them a button for the mouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.binding import Binding, BindingType

from pftop.ui.canvas import Canvas, Line
from pftop.ui.keys import key_name

GAP = 2


@dataclass(frozen=True, slots=True)
class Hint:
    """A key, what it does in a word, and the action behind it."""

    key: str
    word: str
    action: str

    @property
    def width(self) -> int:
        """Cells it takes."""
        return len(self.key) + 1 + len(self.word)


def hints(bindings: Sequence[BindingType]) -> list[Hint]:
    """The hints of a screen's bindings: those that are to be shown, by their first key."""
    return [
        Hint(key_name(b.key.split(",")[0]), b.description, b.action)
        for b in bindings
        if isinstance(b, Binding) and b.show
    ]


class Footer(Canvas):
    """One line; hints that do not fit are left out from the right, but never the last."""

    GROUND = "panel"

    def __init__(self, all_hints: Sequence[Hint], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._hints = all_hints
        self._at: list[tuple[int, int, Hint]] = []

    def paint(self, width: int, height: int) -> Sequence[Line]:
        """Keys and words."""
        pen = self.pen().write(" ")
        self._at = []
        for hint in self.fitting(width):
            start = pen.width
            pen.write(hint.key, "key").write(" " + hint.word)
            self._at.append((start, pen.width, hint))
            pen.write(" " * GAP)
        return [pen.line]

    def fitting(self, width: int) -> list[Hint]:
        """The hints there is room for."""
        chosen = list(self._hints)
        while len(chosen) > 1 and 1 + sum(h.width + GAP for h in chosen) - GAP > width:
            del chosen[-2]
        return chosen

    async def on_click(self, event: events.Click) -> None:
        """Do what the hint says."""
        event.stop()
        for start, end, hint in self._at:
            if start <= event.x < end:
                await self.screen.run_action(hint.action)
