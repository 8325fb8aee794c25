"""Owns the messages that panes send up to their screen; data comes down to them by plain calls."""

from __future__ import annotations

from collections.abc import Hashable

from textual.message import Message

from pftop.events import ProcessKey


class RowChosen(Message):
    """Enter or a double click on a row."""

    def __init__(self, key: Hashable) -> None:
        super().__init__()
        self.key = key


class RowHighlighted(Message):
    """The cursor stands on another row, or on none."""

    def __init__(self, key: Hashable | None) -> None:
        super().__init__()
        self.key = key

    def can_replace(self, message: Message) -> bool:
        """Only the last of several matters."""
        return isinstance(message, RowHighlighted)


class HeadClicked(Message):
    """A click on a column's title."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


class ProcessOpened(Message):
    """A process was asked for, from whichever pane."""

    def __init__(self, key: ProcessKey) -> None:
        super().__init__()
        self.key = key


class PromptChanged(Message):
    """The text in the prompt changed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class PromptClosed(Message):
    """The prompt was left, with its text kept or undone."""

    def __init__(self, text: str, *, kept: bool) -> None:
        super().__init__()
        self.text, self.kept = text, kept
