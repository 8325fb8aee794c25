"""Owns the messages that panes send up to their screen; data comes down to them by plain calls."""

from __future__ import annotations

from collections.abc import Hashable

from textual.message import Message


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
