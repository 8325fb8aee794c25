"""Owns when keys act: each at once and in order, however fast they come, so that the next one finds its place.

textual hands a key to whoever has the focus, from where it comes back as a message before its binding runs.
Keys typed ahead would all be handed out by then, and ``/pid:1`` would pause with its ``p`` instead of filtering.
"""

from __future__ import annotations

from collections import deque

from textual import events
from textual.app import App

from pftop.ui.filter_bar import PromptBox


class Keyboard(App[int]):
    """The part of the app that keys reach first."""

    _ahead: deque[events.Key | events.Paste]
    """Typed while the screen on top was still being built."""

    async def on_event(self, event: events.Event) -> None:
        """Do what keys and pastes mean; leave all else to textual."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._ahead or not self.screen.is_mounted:
            if not self._ahead:
                self._when_ready()
            self._ahead.append(event)
        else:
            await self._act(event)

    def _when_ready(self) -> None:
        """Come back to the keys that wait once the screen on top is built."""
        self.screen.call_later(self.call_later, self._catch_up)

    async def _catch_up(self) -> None:
        """Do what the keys that wait mean, until one of them asks for another screen."""
        while self._ahead:
            if not self.screen.is_mounted:
                self._when_ready()
                return
            await self._act(self._ahead.popleft())

    async def _act(self, event: events.Key | events.Paste) -> None:
        """Type into the box while it is open, else run the binding."""
        focused = self.focused
        box = focused if isinstance(focused, PromptBox) else None
        if isinstance(event, events.Paste):
            if box is not None:
                box.take_paste(event)
        elif not await self._check_bindings(event.key, priority=True) and not (box and box.take_key(event)):
            await self._check_bindings(event.key)
