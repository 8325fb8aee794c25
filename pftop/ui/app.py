"""Owns the application: its one worker, its screens, and how it ends; everything else is in panes and screens."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import RenderableType
from textual._compositor import CompositorUpdate
from textual.binding import Binding, BindingType
from textual.screen import Screen

from pftop.events import ProcessKey
from pftop.model import table
from pftop.model.feed import Feed
from pftop.model.snapshot import LogLine, Update
from pftop.options import Options
from pftop.ui import themes
from pftop.ui.driver import TerminalDriver
from pftop.ui.followed import Followed, Following
from pftop.ui.glass import Glass
from pftop.ui.kept_screens import KeptScreens
from pftop.ui.keyboard import Keyboard
from pftop.ui.lifeline import Lifeline
from pftop.ui.live_screen import LiveScreen
from pftop.ui.palette import Palette
from pftop.ui.store import Store
from pftop.ui.view import View

if TYPE_CHECKING:
    from pftop.ui.fault_screen import FaultScreen

STEP_S = 0.25
"""How long the worker waits for news at a time, unless it is woken."""
LOOK_S = 1.0
"""How long the worker stays away without news: by then it is to be seen whether the terminal is still there."""


def run(feed: Feed, options: Options, *, light: bool = False, command: Following | None = None) -> int:
    """Show the feed until the user leaves; returns the exit status, or raises what the feed raised.

    ``light``: the terminal's background is, and no theme was asked for. ``command`` is looked at, never ended.
    """
    if light:
        options = replace(options, theme=themes.LIGHT)
    app = PftopApp(feed, options, command)
    # What is loaded by now lives as long as the process; collections need not walk it again and again.
    gc.freeze()
    status = app.run(mouse=options.mouse)
    app.lifeline.settle()
    if app.failure is not None:
        raise app.failure
    return status if status is not None else 0


class PftopApp(Keyboard):
    """pftop's screens over one feed."""

    CSS_PATH = "app.tcss"
    TITLE = "pftop"
    # textual's palette can write files and change what a root's screen says; nothing here needs it.
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f10,ctrl+c,ctrl+q", "leave", show=False, priority=True),
        Binding("q", "leave", show=False),
        Binding("ctrl+z", "suspend_process", show=False, priority=True),
    ]

    def __init__(self, feed: Feed, options: Options, command: Following | None = None) -> None:
        self.feed, self.options = feed, options
        no_color = options.color == "never" or bool(options.color == "auto" and os.environ.get("NO_COLOR"))
        asked = os.environ.pop("NO_COLOR", None)
        if no_color:
            # With its ANSI colours on, textual takes every colour out; else it makes greys, which are colours too.
            os.environ["NO_COLOR"] = "1"
        super().__init__(TerminalDriver, ansi_color=True if no_color else None)
        os.environ.pop("NO_COLOR", None)
        if asked is not None:
            os.environ["NO_COLOR"] = asked
        for theme in themes.own_themes():
            self.register_theme(theme)
        self.theme = themes.MONO if no_color else options.theme or themes.DARK
        self.get_css_variables()
        self.palette = Palette(self.theme_variables)
        self.store = Store()
        self.followed = Followed(options.command, command)
        self.view = View(options, table.default_sort(feed.plan.features), self.followed)
        self.failure: BaseException | None = None
        self._ahead = deque()
        self._leaving = False
        self._ticks = 0
        self.lifeline = Lifeline(self._end, feed.close)
        self.kept = KeptScreens(self)
        self.glass = Glass()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """pftop's inks for a theme of textual's."""
        return themes.variables_of(self.current_theme)

    def on_mount(self) -> None:
        """Show the main screen, take the signals, start the worker."""
        from pftop.ui.main_screen import MainScreen

        self.push_screen(MainScreen())
        self.lifeline.hold(headless=self.is_headless)
        self.run_worker(self._collect(), name="feed", exclusive=True, exit_on_error=False)

    def on_unmount(self) -> None:
        """Give the signals back."""
        self._leaving = True
        self.lifeline.let_go()

    async def _collect(self) -> None:
        """Step the feed in a thread, and show what it brought, here on the loop.

        The next step waits until this one is shown, so nothing can pile up behind a slow terminal.
        """
        while not self._leaving:
            try:
                update = await asyncio.to_thread(self._wait_for_news)
            except Exception as error:
                self.failure = error
                self._end(3)
                return
            if self._leaving:
                return
            self.store.take(update)
            if ended := self.followed.look(self.feed.tick_now, ticked=update.snapshot is not None):
                self.store.note(ended)
            ticked = update.snapshot is not None or bool(update.messages)
            if update.lines or ticked:
                self._show(ticked=ticked)
            if ticked:
                self.feed.prefer(self.view.preferred)
            self._ticks += update.snapshot is not None
            if self._ticks == self.options.iterations:
                self._end(0)
                return
            if not self.is_headless:
                self.lifeline.check_terminal()

    def _wait_for_news(self) -> Update:
        """Step until there is something to show. Runs in a thread: to wake the loop costs more than an empty step."""
        until = time.monotonic() + LOOK_S
        while True:
            update = self.feed.step(STEP_S)
            news = update.lines or update.not_shown or update.messages or update.snapshot is not None
            if news or self._leaving or time.monotonic() >= until:
                return update

    def _show(self, *, ticked: bool) -> None:
        """Have the screens in view show the news; while paused only for how long."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, LiveScreen) and screen.is_mounted:
                if self.view.paused is not None:
                    if ticked:
                        screen.show_paused()
                else:
                    if ticked:
                        screen.show_tick()
                    screen.show_lines()
            if not screen.is_modal:
                return

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Send what differs from what stands on the terminal."""
        drawn = self._running and not self._batch_count and not self.is_headless
        if drawn and isinstance(renderable, CompositorUpdate):
            renderable = self.glass.reduce(renderable)
        super()._display(screen, renderable)

    def on_resize(self) -> None:
        """Terminals differ in what they keep."""
        self.glass.forget()

    def _end(self, status: int) -> None:
        """Leave with an exit status."""
        if not self._leaving:
            self._leaving = True
            # who leaves does not wait until it is over
            self.feed.wake()
            self.exit(status)

    def _handle_exception(self, error: Exception) -> None:
        """Keep an error of the screens for ``run``; textual would print it with the values of all locals."""
        self.failure = self.failure or error
        super()._handle_exception(error)
        self._exit_renderables.clear()

    def paused_for(self) -> float | None:
        """Seconds since the picture was frozen."""
        return time.monotonic() - self.view.paused_since if self.view.paused is not None else None

    def open_process(self, key: ProcessKey) -> None:
        """Drill down."""
        from pftop.ui.detail_screen import DetailScreen

        screen = self.kept.get(DetailScreen)
        screen.open(key)
        self.push_screen(screen)

    def close_process(self, key: ProcessKey) -> None:
        """Back to the table, with the cursor on the process."""
        from pftop.ui.main_screen import MainScreen

        self.pop_screen()
        if isinstance(self.screen, MainScreen):
            self.screen.processes.select(key)

    def open_fault(self, kind: type[FaultScreen], line: LogLine) -> None:
        """Tell all about a fault."""
        screen = self.kept.get(kind)
        screen.open(line)
        self.push_screen(screen)

    def choose_sort(self) -> None:
        """Ask for the column to sort by."""
        from pftop.ui.sort_screen import SortScreen

        def chosen(key: str | None) -> None:
            if key is not None and key != self.view.sort:
                self.view.sort_by(key)
            if isinstance(self.screen, LiveScreen):
                self.screen.show_tick()

        screen = self.kept.get(SortScreen)
        screen.open(self.view.sort)
        self.push_screen(screen, chosen)

    def action_help(self) -> None:
        """Explain columns and keys."""
        from pftop.ui.help_screen import HelpScreen

        screen = self.kept.get(HelpScreen)
        screen.open()
        self.push_screen(screen)

    def action_messages(self) -> None:
        """What the kernel and libbcc said."""
        from pftop.ui.messages_screen import MessagesScreen

        screen = self.kept.get(MessagesScreen)
        screen.open()
        self.push_screen(screen)

    def action_pause(self) -> None:
        """Freeze the picture or let it go on."""
        view, store = self.view, self.store
        if view.paused is None and store.snapshot is not None:
            view.paused, view.paused_since = store.snapshot, time.monotonic()
            view.paused_lines, view.paused_end = tuple(store.since(0)), store.arrived
        else:
            view.paused, view.paused_lines = None, ()
        if isinstance(self.screen, LiveScreen):
            self.screen.catch_up()

    def action_leave(self) -> None:
        """Quit."""
        self._end(0)
