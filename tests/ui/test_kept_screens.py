"""Screens that are opened again and again: nothing is left behind, and nothing of what was looked at before shows."""

from __future__ import annotations

import gc
import re
from collections import Counter

import pytest
from textual.screen import Screen
from textual.widget import Widget

from pftop.ui.canvas import Canvas
from pftop.ui.detail_screen import DetailScreen
from pftop.ui.histogram_pane import Scale
from pftop.ui.log_pane import LogPane
from pftop.ui.rows import Rows
from pftop.ui.text_rows import TextRows
from tests.ui.driving import running

OPENED = 12
SIZE = (120, 36)
WAYS = {
    "help": ("question_mark", "q"),
    "sort": ("s", "s"),
    "drill-down": ("enter", "backspace"),
    "messages": ("x", "x"),
    "fault": ("tab", "enter", "escape", "tab"),
    "help over the drill-down": ("enter", "question_mark", "q", "backspace"),
    "fault, then its process": ("tab", "enter", "enter", "backspace", "tab"),
}


def census() -> Counter[str]:
    """Objects of the UI there are, and of what textual keeps for each widget it has drawn."""
    gc.collect()
    counted = ("Strip", "StylesCache", "Timer", "Segment")
    found: Counter[str] = Counter()
    for thing in gc.get_objects():
        kind = type(thing)
        if issubclass(kind, Screen | Widget):
            found["Widget"] += 1
        elif kind.__name__ in counted:
            found[kind.__name__] += 1
    return found


@pytest.mark.parametrize("way", WAYS)
async def test_opening_a_screen_again_leaves_nothing_behind(way: str) -> None:
    async with running(SIZE, ticks=3, lines=60) as driver:
        for _ in range(3):
            await driver.press(*WAYS[way])
        before = census()
        for _ in range(OPENED):
            await driver.press(*WAYS[way])
        assert driver.app.screen is driver.main
        grown = {name: count for name, count in (census() - before).items() if count >= OPENED}
        assert not grown


async def test_the_next_process_is_looked_at_as_if_it_were_the_first() -> None:
    async with running(SIZE, ticks=3, lines=60) as driver:
        await driver.press("enter")
        screen = driver.app.screen
        assert isinstance(screen, DetailScreen)
        first = screen.key
        await driver.tick(60)
        await driver.press("m", "L", "t", "2", "down", "down", "4", "home", "3", "backspace", "down", "enter")
        assert screen is driver.app.screen
        assert screen.key != first
        assert screen.histogram.scale == Scale()
        assert screen.tab == 0
        assert isinstance(driver.app.focused, LogPane)
        assert screen.log_pane.follow
        assert all(pane.cursor_key is None for pane in screen.query(Rows))
        assert all(entry[1].key == screen.key for entry in screen.log_pane.rows)
        assert str(first.pid) not in driver.text.splitlines()[0]


async def test_the_drill_down_shows_the_faults_that_were_logged_before() -> None:
    async with running(SIZE, ticks=3, lines=60) as driver:
        for _ in range(2):
            await driver.press("enter")
            screen = driver.app.screen
            assert isinstance(screen, DetailScreen)
            assert screen.log_pane.rows
            assert re.search(rf"^ \d\d:\d\d:\d\d\.\d+ +{screen.key.pid} ", driver.text, re.MULTILINE)
            await driver.press("backspace")


@pytest.mark.parametrize("key", ["question_mark", "x"])
async def test_a_text_is_read_from_its_beginning_each_time(key: str) -> None:
    async with running((80, 12)) as driver:
        await driver.press(key)
        first = driver.text
        await driver.press("end")
        assert driver.text != first
        await driver.press("escape", key)
        assert driver.text == first


@pytest.mark.parametrize("meanwhile", ["tick", "wheel"])
async def test_home_leads_to_the_beginning_of_a_text_at_once(meanwhile: str) -> None:
    async with running((80, 12)) as driver:
        await driver.press("x")
        text = driver.app.screen.query_one(TextRows)
        if meanwhile == "tick":
            await driver.press("end")
            end = text.top
            await driver.tick()
            assert text.top == end > 0
        else:
            text.scroll_rows(3)
            assert text.top == 3
        await driver.press("home")
        assert text.top == 0
        await driver.press("down", "down", "up")
        assert text.top == 1


async def test_the_sort_picker_starts_at_the_current_column_each_time() -> None:
    async with running(SIZE) as driver:
        await driver.press("s", "end", "enter", "s")
        assert driver.app.screen.query_one(Rows).cursor_key == driver.main.pftop.view.sort == "command"
        await driver.press("home", "escape", "s")
        assert driver.app.screen.query_one(Rows).cursor_key == driver.main.pftop.view.sort


@pytest.mark.parametrize("key", ["question_mark", "enter", "x"])
async def test_a_screen_takes_the_size_that_changed_while_it_was_closed(key: str) -> None:
    async with running(SIZE, ticks=3, lines=60) as driver:
        await driver.press(key, "backspace")
        await driver.pilot.resize_terminal(80, 24)
        await driver.press(key)
        after = driver.text
    async with running((80, 24), ticks=3, lines=60) as driver:
        await driver.press(key)
        assert after == driver.text


def test_the_count_finds_what_is_counted() -> None:
    before = census()
    kept = [Canvas(), Canvas()]
    assert (census() - before)["Widget"] == len(kept)
