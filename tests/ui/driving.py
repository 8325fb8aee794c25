"""Owns how tests drive the app: a running app over a fake feed, awaited conditions, and its screen as text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual import events
from textual.pilot import Pilot

from pftop.model.snapshot import Update
from pftop.options import Options
from pftop.ui.app import PftopApp
from pftop.ui.followed import Following
from pftop.ui.main_screen import MainScreen
from tests.ui.fake_feed import FakeFeed, Machine

PATIENCE_S = 5.0


def screen_text(app: PftopApp) -> str:
    """What stands on the screen, without colours, blanks at line ends cut."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips) + "\n"


class Driver:
    """A running app, its feed and an invented machine."""

    def __init__(self, app: PftopApp, pilot: Pilot[int], feed: FakeFeed, machine: Machine) -> None:
        self.app, self.pilot, self.feed, self.machine = app, pilot, feed, machine

    @property
    def main(self) -> MainScreen:
        """The main screen, wherever it stands in the stack."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, MainScreen))

    @property
    def text(self) -> str:
        return screen_text(self.app)

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait for something to become true."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.005)
                await self.pilot.pause()

    async def send(self, *updates: Update) -> None:
        """Have the feed bring these, and wait until they are shown."""
        self.feed.put(*updates)
        await self.until(self.feed.idle.is_set)
        await self.pilot.pause()
        await self.pilot.pause()

    async def tick(self, lines: int = 0, **overrides: Any) -> None:
        """One more tick of the machine."""
        self.machine.focused = self.feed.focused[-1] if self.feed.focused else None
        await self.send(Update(snapshot=self.machine.tick(**overrides), lines=self.machine.lines(lines)))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def burst(self, *keys: str) -> None:
        """Press keys with no time between them, as a paste or a macro does."""
        for key in keys:
            char = key if len(key) == 1 else {"slash": "/", "space": " ", "comma": ","}.get(key)
            self.app.post_message(events.Key(key, char))
        await self.pilot.pause()
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Press every letter."""
        names = {">": "greater_than_sign", ":": "colon", "/": "slash", "(": "left_parenthesis", " ": "space"}
        for char in text:
            await self.pilot.press(names.get(char, char))
        await self.pilot.pause()


@asynccontextmanager
async def running(
    size: tuple[int, int] = (80, 24),
    *,
    options: Options | None = None,
    machine: Machine | None = None,
    command: Following | None = None,
    ticks: int = 1,
    lines: int = 0,
) -> AsyncIterator[Driver]:
    """The app on a screen of this size, some ticks into its life."""
    machine = machine or Machine()
    feed = FakeFeed(plan=machine.plan)
    app = PftopApp(feed, options or Options(theme="pftop-dark"), command)
    async with app.run_test(size=size) as pilot:
        driver = Driver(app, pilot, feed, machine)
        await driver.until(lambda: len(app.screen_stack) > 1)
        for _ in range(ticks - 1):
            machine.tick()
        if ticks:
            await driver.tick(lines)
        yield driver
