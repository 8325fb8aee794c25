"""Owns the screens that are opened again and again: each is built when first asked for, and kept.

To build one takes several times as long as to show it. And textual remembers the last 1,024 widgets it has drawn,
with all their lines, by caches that outlive them: screens built anew would let memory grow by the hundredfold.
"""

from __future__ import annotations

from typing import Any, TypeVar

from textual.app import App
from textual.screen import Screen

ScreenT = TypeVar("ScreenT", bound=Screen[Any])


class KeptScreens:
    """One screen of a kind, which stays built while it is not shown."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._kept: dict[type[Screen[Any]], Screen[Any]] = {}

    def get(self, kind: type[ScreenT]) -> ScreenT:
        """The screen of this kind."""
        screen = self._kept.get(kind)
        if screen is None:
            screen = self._kept[kind] = kind()
            self._app.install_screen(screen, kind.__name__)
        assert isinstance(screen, kind)
        return screen
