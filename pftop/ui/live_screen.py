"""Owns ``LiveScreen``: what the app may ask of a screen that moves, and what such a screen finds in the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen

from pftop.model.snapshot import Snapshot

if TYPE_CHECKING:
    from pftop.ui.app import PftopApp


class LiveScreen(Screen[None]):
    """A screen that shows ticks and log lines as they come."""

    ALLOW_SELECT = False
    # panes cover all of it
    BLANK = True

    @property
    def pftop(self) -> PftopApp:
        """The app, as ours."""
        from pftop.ui.app import PftopApp

        assert isinstance(self.app, PftopApp)
        return self.app

    @property
    def snapshot(self) -> Snapshot | None:
        """The picture to show: the one that was paused, or the latest."""
        return self.pftop.view.paused or self.pftop.store.snapshot

    def show_tick(self) -> None:
        """Show ``snapshot``, and whatever stands beside it."""
        raise NotImplementedError

    def show_lines(self) -> None:
        """Show the log lines that came since."""
        raise NotImplementedError

    def show_paused(self) -> None:
        """Show for how long the picture has stood still."""
        self.show_tick()

    def on_screen_resume(self) -> None:
        """Catch up after another screen was on top, before it is drawn; at first there is no size to draw in."""
        if self.size:
            self.catch_up()
        else:
            self.call_after_refresh(self.catch_up)

    def catch_up(self) -> None:
        """Show everything as it stands now."""
        self.show_tick()
        if self.pftop.view.paused is None:
            self.show_lines()
