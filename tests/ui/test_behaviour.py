"""What keys, clicks and news do: filter, sort, selection, log, pause, drill-down, sizes and the ways out."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import pytest
from textual import events

from pftop.causes import NAMES
from pftop.events import Cost, FaultKind, SourceError
from pftop.model.comparison import COMPARED
from pftop.model.snapshot import Frame, LogLine, Restraint, Update
from pftop.options import Options
from pftop.text import Safe
from pftop.ui.app import PftopApp
from pftop.ui.detail_screen import DetailScreen
from pftop.ui.fault_screen import FaultScreen, LoggedFaultScreen
from pftop.ui.help_screen import HelpScreen
from pftop.ui.log_pane import LogPane
from pftop.ui.messages_screen import MessagesScreen
from pftop.ui.process_pane import ProcessPane
from pftop.ui.sort_screen import SortScreen
from tests.factories import make_line, make_row
from tests.ui.driving import Driver, running
from tests.ui.fake_feed import HEAP, LIBC, Machine
from tests.ui.test_pictures import compare


def shown(driver: Driver) -> list[int]:
    return [row.pid for row in driver.main.processes.rows]


def commands(driver: Driver) -> list[str]:
    return [row.info.command for row in driver.main.processes.rows]


async def test_filter_acts_at_every_letter_and_enter_keeps_it() -> None:
    async with running() as driver:
        everyone = len(shown(driver))
        await driver.press("slash")
        await driver.type("pg_d")
        assert commands(driver) == ["pg_dump -j4 --format=directory warehouse"]
        assert f"1/{everyone}" in driver.text
        await driver.press("enter")
        assert not driver.main.prompt.open
        assert "/ edits" in driver.text
        await driver.tick()
        assert len(shown(driver)) == 1
        await driver.press("escape")
        assert len(shown(driver)) == everyone
        assert "Filter>" not in driver.text


async def test_bad_pattern_keeps_the_last_good_one_and_esc_undoes() -> None:
    async with running() as driver:
        everyone = shown(driver)
        await driver.press("f4")
        await driver.type("user:root")
        of_root = shown(driver)
        assert 0 < len(of_root) < len(everyone)
        await driver.type(" (")
        assert shown(driver) == of_root
        assert driver.main.prompt.has_class("-bad")
        await driver.press("enter")
        assert driver.main.prompt.open
        await driver.press("escape")
        assert shown(driver) == everyone
        assert not driver.main.prompt.has_class("-bad")


@pytest.mark.parametrize(
    ("typed", "said", "listed"),
    [
        ("cause:zz", "there is no cause 'zz'; F1 lists them", NAMES),
        ("foo:x", "no field foo; F1 lists them", COMPARED),
    ],
)
async def test_what_a_filter_may_name_is_listed_by_the_help(typed: str, said: str, listed: tuple[str, ...]) -> None:
    async with running() as driver:
        await driver.press("slash")
        await driver.type(typed)
        assert said in driver.text
        await driver.pilot.resize_terminal(120, 150)
        await driver.press("f1")
        assert set(listed) <= set(driver.text.split())
        await driver.press("escape")
        assert driver.main.prompt.open


@pytest.mark.parametrize("way", ["tab", "click"])
async def test_a_prompt_that_is_left_for_another_pane_keeps_what_was_typed(way: str) -> None:
    async with running((120, 36)) as driver:
        for key, typed in (("slash", "p"), ("d", "7")):
            await driver.press(key, *typed)
            assert driver.main.prompt.open
            await leave_prompt(driver, way)
            assert not driver.main.prompt.open
            assert not any(said in driver.text for said in ("Seconds>", "Enter keeps", "Enter sets"))
            assert isinstance(driver.main.focused, ProcessPane)
        assert driver.app.view.query.text == "p"
        assert driver.feed.interval_s == 17
        await driver.press("escape")
        assert driver.app.view.query.empty
        assert not driver.main.prompt.display


@pytest.mark.parametrize("way", ["tab", "click"])
async def test_a_prompt_that_is_left_with_what_cannot_be_read_is_undone(way: str) -> None:
    async with running((120, 36)) as driver:
        everyone = shown(driver)
        for key in ("slash", "d"):
            await driver.press(key)
            await driver.type("pg (")
            assert driver.main.prompt.has_class("-bad")
            await leave_prompt(driver, way)
            assert not driver.main.prompt.display
            assert not driver.main.prompt.has_class("-bad")
        assert shown(driver) == everyone
        assert driver.feed.interval_s == 1.0


async def test_keys_typed_ahead_after_tab_are_not_the_prompts() -> None:
    async with running((120, 36)) as driver:
        await driver.burst("slash", *"pg", "tab", "p", "slash", *"_", "tab", "escape")
        assert driver.app.view.paused is not None
        assert driver.app.view.query.empty
        assert not driver.main.prompt.display


async def test_a_prompt_stays_open_under_another_screen_and_while_the_window_has_no_keyboard() -> None:
    async with running((120, 36)) as driver:
        await driver.press("slash", "p", "f1", "escape")
        assert driver.main.prompt.open
        for event in (events.AppBlur(), events.AppFocus()):
            driver.app.post_message(event)
            await driver.pilot.pause()
            assert "Enter keeps" in driver.text
        await driver.type("g")
        assert driver.main.prompt.box.value == "pg"


async def test_a_click_that_leaves_the_prompt_is_for_what_stood_there() -> None:
    async with running((120, 36)) as driver:
        await driver.press("d")
        pid = shown(driver)[4]
        await driver.pilot.click("#processes", offset=(5, 5))
        assert driver.main.processes.cursor_key == driver.main.processes.rows[4].key
        await driver.press("d")
        await driver.pilot.click("#processes", offset=(5, 5), times=2)
        assert isinstance(driver.app.screen, DetailScreen)
        assert driver.app.screen.key.pid == pid


async def leave_prompt(driver: Driver, way: str) -> None:
    """Go to another pane."""
    if way == "tab":
        await driver.press("tab")
    else:
        await driver.pilot.click("#processes", offset=(5, 3))
    await driver.pilot.pause()


async def test_keys_typed_ahead_go_where_they_would_have_gone() -> None:
    async with running() as driver:
        pid = shown(driver)[3]
        await driver.burst("slash", *f"pid:{pid}")
        assert driver.main.prompt.box.value == f"pid:{pid}"
        await driver.until(lambda: shown(driver) == [pid])
        assert driver.app.view.paused is None
        await driver.burst("escape", "slash", *"dpslq/x", "backspace", "left", "enter")
        assert driver.app.is_running
        assert not driver.main.prompt.open
        assert driver.app.view.query.text == "dpslq/"
        await driver.burst("slash", *"zz", "escape", "escape", "d", "backspace", *"2.5", "enter", "p")
        assert driver.app.view.query.empty
        assert driver.feed.interval_s == 2.5
        assert driver.app.view.paused is not None


async def test_keys_typed_ahead_of_a_screen_wait_for_it() -> None:
    async with running() as driver:
        await driver.burst("s", "home", "down", "down", "enter", "r")
        assert driver.app.screen is driver.main
        assert (driver.app.view.sort, driver.app.view.reverse) == ("min", True)
        await driver.burst("question_mark", "escape", "x", "escape", "slash", *"redis", "enter", "p")
        assert driver.app.screen is driver.main
        assert driver.app.view.query.text == "redis"
        assert driver.app.view.paused is not None


async def test_a_paste_into_the_prompt_is_typed() -> None:
    async with running() as driver:
        driver.app.post_message(events.Paste("nobody"))
        driver.app.post_message(events.Key("slash", "/"))
        driver.app.post_message(events.Paste("pg_dump\nq"))
        driver.app.post_message(events.Key("enter", None))
        await driver.pilot.pause()
        assert driver.app.view.query.text == "pg_dump"
        assert len(shown(driver)) == 1


async def test_the_log_follows_the_filter_and_comes_back() -> None:
    async with running(lines=200) as driver:
        everything = len(driver.main.log_pane.rows)
        await driver.press("backslash")
        await driver.type("redis")
        lines = driver.main.log_pane.rows
        assert lines
        assert {line.comm for _, line in lines} == {"redis-server"}
        await driver.tick(50)
        assert {line.comm for _, line in driver.main.log_pane.rows} == {"redis-server"}
        await driver.press("escape")
        assert len(driver.main.log_pane.rows) == everything + 50


async def test_whom_the_log_shows_is_preferred_where_there_are_too_many() -> None:
    async with running() as driver:
        await driver.tick()
        assert driver.feed.preferred is None
        await driver.press("backslash")
        await driver.type("redis")
        await driver.tick()
        assert driver.feed.preferred == set(shown(driver))
        assert len(shown(driver)) == 1
        await driver.press("escape")
        await driver.tick()
        assert driver.feed.preferred is None


async def test_selection_follows_the_process() -> None:
    async with running() as driver:
        await driver.press("down", "j")
        chosen = driver.main.processes.at_cursor
        assert chosen is not None
        for key in ("s", "r", "I", "greater_than_sign", "less_than_sign", "less_than_sign"):
            await driver.press(key, *(["escape"] if key == "s" else []))
            await driver.tick()
            now = driver.main.processes.at_cursor
            assert now is not None
            assert now.key == chosen.key
        await driver.press("home")
        assert driver.main.processes.cursor == 0


async def test_an_untouched_cursor_stays_on_top() -> None:
    async with running() as driver:
        for _ in range(5):
            await driver.tick()
            assert driver.main.processes.cursor == 0


async def test_sort_by_picker_keys_and_header() -> None:
    async with running((120, 36)) as driver:
        assert driver.app.view.sort == "stall"
        await driver.press("f6")
        assert isinstance(driver.app.screen, SortScreen)
        await driver.press("home", "enter")
        assert driver.app.view.sort == "pid"
        assert shown(driver) == sorted(shown(driver))
        await driver.press("r")
        assert shown(driver) == sorted(shown(driver), reverse=True)
        await driver.press("greater_than_sign")
        assert driver.app.view.sort == "user"
        minor = driver.text.splitlines()[4].index("MIN/s")
        await driver.pilot.click(driver.main.processes, offset=(minor + 1, 0))
        await driver.pilot.pause()
        assert driver.app.view.sort == "min"
        assert "MIN/s▼" in driver.text
        await driver.pilot.click(driver.main.processes, offset=(minor + 1, 0))
        await driver.pilot.pause()
        assert "MIN/s▲" in driver.text


async def test_exited_rows_are_grey_in_parentheses_and_say_what_they_did() -> None:
    async with running((120, 36)) as driver:
        line = next(line for line in driver.text.splitlines() if "9063" in line)
        assert "(9063)" in line
        assert "pg_isready exited: 412 min 3 maj" in line
        pane = driver.main.processes
        row = next(row for row in pane.rows if row.exited)
        styles = [segment.style for segment in pane.paint_row(row, 100, "base")]
        assert styles[1] == driver.app.palette.style("exited")
        assert len(styles) <= 3


async def test_a_log_that_grows_shows_as_many_lines_as_fit() -> None:
    async with running((120, 24), lines=60) as driver:
        log = driver.main.log_pane
        before = log.view_height
        assert (log.follow, log.top) == (True, 60 - before)
        await driver.pilot.resize_terminal(120, 50)
        await driver.until(lambda: log.view_height > before)
        assert log.top == 60 - log.view_height


async def test_a_held_log_that_grows_while_paused_is_filled() -> None:
    async with running(lines=60) as driver:
        log = driver.main.log_pane
        before = log.view_height
        await driver.press("tab", "pageup", "p")
        assert not log.follow
        await driver.pilot.resize_terminal(80, 60)
        await driver.until(lambda: log.view_height > before)
        assert log.top == 60 - log.view_height


async def test_tail_stops_when_scrolled_and_resumes_at_the_end() -> None:
    async with running(lines=100) as driver:
        log = driver.main.log_pane
        log.focus()
        await driver.press("up", "up")
        assert not log.follow
        top = [number for number, _ in log.rows[log.top : log.top + log.view_height]]
        await driver.tick(30)
        assert [number for number, _ in log.rows[log.top : log.top + log.view_height]] == top
        assert "held +30 new" in driver.text
        await driver.press("end")
        assert log.follow
        assert "following" in driver.text
        await driver.tick(5)
        assert log.rows[log.top + log.view_height - 1][0] == log.rows[-1][0]


async def test_wheel_holds_the_tail_too() -> None:
    async with running(lines=100) as driver:
        log = driver.main.log_pane
        log.scroll_rows(-3)
        assert not log.follow
        log.scroll_rows(3)
        assert log.follow


async def test_lines_that_nobody_could_read_are_counted() -> None:
    async with running() as driver:
        await driver.send(Update(not_shown=1_204, snapshot=driver.machine.tick()))
        assert "+1,204 not shown" in driver.text
        await driver.send(Update(not_shown=6, snapshot=driver.machine.tick()))
        assert "+1,210 not shown" in driver.text


async def test_what_the_log_leaves_out_is_said_of_all_processes() -> None:
    async with running((120, 36)) as driver:
        await driver.send(Update(not_shown=1_204, snapshot=driver.machine.tick()))
        assert "1 in 8 faults  +1,204 not shown" in driver.text
        await driver.press("enter")
        await driver.tick(20)
        title = next(line for line in driver.text.splitlines() if "Log following" in line)
        assert "1 in 8 of all processes' faults ─" in title
        assert "not shown" not in title


async def test_the_log_stays_bounded() -> None:
    async with running() as driver:
        for _ in range(8):
            await driver.send(Update(lines=driver.machine.lines(1_000)))
        log = driver.main.log_pane
        assert len(log.rows) <= 6_250
        assert log.rows[-1][0] == 7_999


async def test_pause_freezes_the_picture_and_not_the_collection() -> None:
    async with running(lines=20) as driver:
        await driver.press("p")
        assert "PAUSED" in driver.text
        rows, lines = driver.main.processes.rows, len(driver.main.log_pane.rows)
        await driver.tick(10)
        await driver.tick(10)
        assert driver.main.processes.rows == rows
        assert len(driver.main.log_pane.rows) == lines
        assert driver.app.store.arrived == 40
        await driver.press("r")
        assert driver.main.processes.rows != rows
        await driver.press("Z")
        assert "PAUSED" not in driver.text
        assert len(driver.main.log_pane.rows) == 40


async def paused_for_long(driver: Driver) -> list[tuple[int, LogLine]]:
    """The log's lines at the pause, which have left the store by now."""
    await driver.press("p")
    shown = list(driver.main.log_pane.rows)
    for _ in range(6):
        await driver.send(Update(lines=driver.machine.lines(1_000)))
    return shown


async def test_while_paused_no_log_shows_what_came_later_or_loses_what_it_showed() -> None:
    async with running(lines=200) as driver:
        everything = await paused_for_long(driver)
        await driver.press("enter")
        screen = driver.app.screen
        assert isinstance(screen, DetailScreen)
        for key in ("full_stop", "comma"):
            assert screen.log_pane.rows == [pair for pair in everything if pair[1].key == screen.key]
            assert screen.log_pane.rows
            await driver.press(key)
        await driver.press("p")
        assert screen.log_pane.rows[-1][0] > 6_000
        await driver.press("escape")


async def test_while_paused_a_filter_chooses_among_the_lines_of_then() -> None:
    async with running(lines=200) as driver:
        everything = await paused_for_long(driver)
        await driver.press("slash")
        await driver.type("redis")
        shown = driver.main.log_pane.rows
        assert shown == [pair for pair in everything if pair[1].comm == "redis-server"]
        assert shown
        await driver.press("escape")
        assert driver.main.log_pane.rows == everything
        await driver.press("p")
        assert driver.main.log_pane.rows[-1][0] == 6_199


async def test_enter_drills_down_and_esc_comes_back_to_the_row() -> None:
    async with running() as driver:
        await driver.press("down", "enter")
        screen = driver.app.screen
        assert isinstance(screen, DetailScreen)
        assert driver.feed.focused[-1] == screen.key
        assert driver.feed.ticks_asked
        await driver.press("full_stop")
        second = screen.key
        assert driver.feed.focused[-1] == second
        await driver.press("escape")
        assert driver.app.screen is driver.main
        assert driver.main.processes.cursor_key == second
        await driver.until(lambda: driver.feed.focused[-1] is None)


async def test_double_click_drills_down() -> None:
    async with running() as driver:
        await driver.pilot.click(driver.main.processes, offset=(20, 3), times=2)
        await driver.pilot.pause()
        screen = driver.app.screen
        assert isinstance(screen, DetailScreen)
        assert screen.key == driver.main.processes.rows[2].key


async def test_drill_down_shows_the_depth_live() -> None:
    async with running((120, 36)) as driver:
        await driver.press("enter")
        assert "counting" in driver.text
        await driver.tick(20)
        for word in ("512ns-1.0us", "p99.9", "system.slice/postgresql.service", "[heap]", "of wall"):
            assert word in driver.text
        first = driver.text
        await driver.tick(20)
        assert driver.text != first
        for key, word in (
            ("m", "minor,"),
            ("m", "major,"),
            ("m", "both,"),
            ("L", "log bars"),
            ("t", "last interval"),
        ):
            await driver.press(key)
            assert word in driver.text
        # the figures below the bars are not the interval's
        assert any("mean" in line and "since start" in line for line in driver.text.splitlines())


async def test_drill_down_keeps_its_own_log() -> None:
    async with running(lines=300) as driver:
        await driver.press("enter")
        screen = driver.app.screen
        assert isinstance(screen, DetailScreen)
        pids = {line.key.pid for _, line in screen.log_pane.rows}
        assert pids == {screen.key.pid}
        before = len(screen.log_pane.rows)
        await driver.tick(300)
        assert len(screen.log_pane.rows) > before
        for tab, pane in (("2", "#mappings"), ("1", "#histogram"), ("tab", "#mappings"), ("backspace", None)):
            await driver.press(tab)
            assert pane is None or screen.query_one(pane).display
        assert driver.app.screen is driver.main


CRASH = replace(
    make_line(pid=4211, kind=FaultKind.INVALID, signal=11, si_code=1, cause="null", address=0x10, ip=0x401136),
    stack=(Frame(0x401136, Safe("crash+0x16"), None), Frame(0x40119B, Safe("main+0x2b"), LIBC)),
    symbol=Safe("crash+0x16"),
    latency_ns=None,
    neighbours=(None, HEAP),
    skipped=12,
)


async def test_enter_on_an_event_tells_all_of_the_fault() -> None:
    async with running((100, 30)) as driver:
        driver.main.processes.select(next(r.key for r in driver.main.processes.rows if r.pid == 4211))
        await driver.press("enter")
        await driver.send(Update(lines=(CRASH,)))
        await driver.press("enter")
        assert isinstance(driver.app.screen, FaultScreen)
        compare("fault-100x30", driver.text)
        await driver.pilot.resize_terminal(40, 30)
        await driver.pilot.pause()
        assert "null pointer" in " ".join(driver.text.split())
        await driver.press("enter")
        assert isinstance(driver.app.screen, DetailScreen)


@pytest.mark.parametrize("tab", ["2", "3"])
async def test_enter_on_mappings_and_causes_leads_to_no_fault_of_the_log(tab: str) -> None:
    async with running(lines=300) as driver:
        await driver.press("enter")
        await driver.tick(50)
        await driver.press(tab, "enter")
        assert isinstance(driver.app.screen, DetailScreen)
        await driver.press("4", "enter")
        assert isinstance(driver.app.screen, FaultScreen)


@pytest.mark.parametrize("width", [80, 120])
async def test_a_fault_of_a_name_in_wide_characters_is_told_in_full(width: int) -> None:
    name, path = "日本語プロセス", "/usr/lib/" + "共有ライブラリ" * 12 + ".so"
    async with running((width, 36), lines=0) as driver:
        mapping = replace(LIBC, name=Safe(path))
        await driver.send(Update(lines=(make_line(comm=Safe(name), address=mapping.start, mapping=mapping),)))
        await driver.press("tab", "enter")
        assert isinstance(driver.app.screen, LoggedFaultScreen)
        told = driver.text.partition("\n")[2]
        assert name in told
        assert path in "".join(told.split())
        assert "…" not in told


async def test_from_the_log_one_comes_to_the_fault_and_on_to_its_process() -> None:
    async with running((100, 30), lines=20) as driver:
        await driver.send(Update(lines=(CRASH,)))
        await driver.press("tab", "enter")
        assert isinstance(driver.app.screen, LoggedFaultScreen)
        assert "null pointer" in driver.text
        assert "Enter Process" in driver.text
        await driver.press("escape")
        assert driver.app.screen is driver.main
        await driver.press("up", "up", "enter")
        chosen = driver.main.log_pane.at_cursor
        assert chosen is not None
        assert isinstance(driver.app.screen, LoggedFaultScreen)
        assert driver.app.screen.fault is chosen[1]
        await driver.burst("enter", "2")
        screen = driver.app.screen
        assert isinstance(screen, DetailScreen)
        assert screen.key == chosen[1].key
        await driver.press("escape")
        assert driver.app.screen is driver.main


async def test_delay_takes_seconds_and_nothing_else() -> None:
    async with running() as driver:
        for bad in ("0", "61", "x", "nan"):
            await driver.press("d", "backspace")
            await driver.type(bad)
            assert driver.main.prompt.has_class("-bad")
            await driver.press("enter", "escape")
            assert driver.feed.interval_s == 1.0
        await driver.press("d", "backspace")
        await driver.type("0.5")
        await driver.press("enter")
        assert driver.feed.interval_s == 0.5
        assert "every 0.5s" in driver.text


@pytest.mark.parametrize("width", [80, 120])
async def test_what_a_prompt_takes_is_said_in_full_when_it_is_opened_first(width: int) -> None:
    async with running((width, 24)) as driver:
        await driver.press("d")
        assert "0.1 to 60  Enter sets  Esc leaves" in driver.text


async def test_log_off_gives_its_room_and_its_cost_back() -> None:
    async with running() as driver:
        height = driver.main.processes.size.height
        await driver.press("l")
        assert not driver.feed.log_enabled
        assert driver.main.processes.size.height > height
        await driver.press("l")
        assert driver.feed.log_enabled


async def test_the_drill_down_has_a_log_where_the_table_has_none() -> None:
    async with running() as driver:
        await driver.press("l", "enter")
        assert driver.feed.log_enabled
        await driver.press("full_stop", "escape")
        assert not driver.feed.log_enabled
        await driver.press("l", "enter", "escape")
        assert driver.feed.log_enabled


async def test_help_explains_every_column_and_messages_are_read() -> None:
    async with running((120, 36)) as driver:
        await driver.send(Update(messages=(Safe("map full"),)))
        assert "x 1 message" in driver.text
        await driver.press("x")
        assert isinstance(driver.app.screen, MessagesScreen)
        assert "map full" in driver.text
        await driver.press("escape", "h")
        assert isinstance(driver.app.screen, HelpScreen)
        await driver.press("end")
        assert "regular expression" in driver.text
        await driver.press("q")
        assert driver.app.screen is driver.main
        assert "1 message" not in driver.text


@pytest.mark.parametrize("width", [32, 40, 80, 200])
async def test_a_long_message_is_wrapped_and_set_in(width: int) -> None:
    message = Safe("the kernel refused: " + " ".join(f"word{n}" for n in range(40, 90)))
    async with running((width, 80)) as driver:
        await driver.send(Update(messages=(message, Safe("the next"))))
        await driver.press("x")
        lines = driver.text.splitlines()
        first = next(at for at, line in enumerate(lines) if line.startswith("   the kernel refused"))
        after = lines.index("   the next")
        assert all(line.startswith("     word") for line in lines[first + 1 : after])
        assert " ".join(" ".join(lines[first:after]).split()) == message


async def test_bpf_run_time_is_measured_while_the_messages_are_shown_and_not_after() -> None:
    async with running((120, 36)) as driver:
        assert not driver.feed.measuring
        await driver.press("x")
        assert driver.feed.measuring
        assert "BPF               - (by the kernel's statistics" in driver.text
        await driver.tick(cost=Cost(cpu_ratio=0.02, rss_bytes=7 << 20, bpf_ns_per_fault=371.4, bpf_ratio=0.117))
        for part in ("2.0% of one CPU", "7.0M resident", "371ns a fault, 11.7% of one CPU"):
            assert part in driver.text
        await driver.press("escape")
        assert not driver.feed.measuring


async def test_what_pftop_costs_is_told_as_it_is_now_while_the_picture_is_paused() -> None:
    async with running((120, 36)) as driver:
        await driver.press("p", "x")
        await driver.tick(cost=Cost(cpu_ratio=0.02, rss_bytes=7 << 20, bpf_ns_per_fault=371.4, bpf_ratio=0.117))
        for part in ("2.0% of one CPU", "7.0M resident", "371ns a fault, 11.7% of one CPU"):
            assert part in driver.text


async def test_bpf_run_time_is_in_the_header_where_it_was_asked_for() -> None:
    cost = Cost(cpu_ratio=0.02, rss_bytes=7 << 20, bpf_ns_per_fault=371.4, bpf_ratio=0.117)
    async with running((160, 36), options=Options(theme="pftop-dark", cost=True)) as driver:
        await driver.tick(cost=cost)
        assert "bpf 371ns/fault" in driver.text
    async with running((160, 36)) as driver:
        await driver.tick(cost=cost)
        assert "bpf" not in driver.text.splitlines()[0]


async def test_each_step_to_cost_less_is_a_message_and_so_is_the_last_one_back() -> None:
    async with running((120, 36)) as driver:
        await driver.tick(restraint=Restraint(2.0, 1.0))
        assert "message" not in driver.text.splitlines()[0]
        for steps in (("log rate 250/s",), ("log rate 62/s",), ("log rate 62/s",), ()):
            await driver.tick(restraint=Restraint(2.0, 1.0, steps))
            assert ("LOWERED" in driver.text) is bool(steps)
        assert [str(message) for message in driver.app.store.messages] == [
            "--max-overhead 2: log rate 250/s; the counts stay exact",
            "--max-overhead 2: log rate 62/s; the counts stay exact",
            "--max-overhead 2: everything as asked for again",
        ]


async def test_mappings_that_are_not_counted_say_why() -> None:
    async with running((120, 36)) as driver:
        await driver.press("enter")
        await driver.until(lambda: driver.feed.focused and driver.feed.focused[-1] is not None)
        driver.machine.focused = driver.feed.focused[-1]
        detail = driver.machine.tick().detail
        assert detail is not None
        await driver.tick(detail=replace(detail, mappings=(), mappings_since_ns=None))
        assert "not counted, to keep within --max-overhead" in driver.text


async def test_tab_walks_the_panes() -> None:
    async with running(lines=5) as driver:
        await driver.press("tab")
        assert isinstance(driver.main.focused, LogPane)
        await driver.press("tab")
        assert driver.main.focused is driver.main.processes


async def test_footer_is_a_row_of_buttons() -> None:
    async with running() as driver:
        footer = driver.text.splitlines()[23]
        await driver.pilot.click("#footer", offset=(footer.index("Sort"), 0))
        await driver.pilot.pause()
        assert isinstance(driver.app.screen, SortScreen)


async def test_pids_and_user_of_the_command_line_always_hold() -> None:
    options = Options(theme="pftop-dark", pids=(4211, 4248), user="postgres", uid=1000)
    async with running((120, 36), options=options) as driver:
        assert sorted(shown(driver)) == [4211, 4248]
        assert "only pid 4211,4248 user postgres" in driver.text


async def test_options_of_the_view() -> None:
    options = Options(theme="pftop-light", sort="pid", reverse=True, filter_text="postgres")
    async with running(options=options) as driver:
        assert shown(driver) == sorted(shown(driver), reverse=True)
        assert "Filter> postgres" in driver.text


SIZES = ((1, 1), (10, 3), (500, 200), (2, 50), (80, 2), (60, 15), (59, 15), (160, 20), (80, 24))


async def test_no_size_is_refused() -> None:
    async with running(lines=40) as driver:
        for keys in ((), ("enter",), ("question_mark",), ("escape", "escape", "s"), ("escape", "slash")):
            await driver.press(*keys)
            for width, height in SIZES:
                await driver.pilot.resize_terminal(width, height)
                await driver.tick(3)
                lines = driver.text.splitlines()
                assert len(lines) == height
                assert max(map(len, lines)) <= width


@pytest.mark.parametrize("where", [("x",), ("question_mark",), ("enter", "question_mark"), ("tab", "enter")])
async def test_q_leaves_a_text_before_it_leaves_pftop(where: tuple[str, ...]) -> None:
    async with running((120, 36), ticks=3, lines=60) as driver:
        *before, last = where
        await driver.press(*before)
        behind = driver.app.screen
        await driver.press(last)
        assert driver.app.screen is not behind
        await driver.press("q")
        assert driver.app.is_running
        assert driver.app.screen is behind


@pytest.mark.parametrize("key", ["q", "f10", "ctrl+c", "ctrl+q"])
@pytest.mark.parametrize("where", [(), ("enter",)])
async def test_keys_that_quit(key: str, where: tuple[str, ...]) -> None:
    async with running() as driver:
        await driver.press(*where)
        await driver.pilot.press(key)
        await driver.until(lambda: not driver.app.is_running)
        assert driver.app.return_value == 0


@pytest.mark.parametrize("key", ["f10", "ctrl+c"])
async def test_one_can_quit_while_typing(key: str) -> None:
    async with running() as driver:
        await driver.press("slash")
        await driver.type("q")
        assert driver.app.is_running
        await driver.pilot.press(key)
        await driver.until(lambda: not driver.app.is_running)


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGQUIT, -signal.SIGQUIT)],
)
async def test_signals_leave_in_order(number: signal.Signals, status: int) -> None:
    async with running() as driver:
        os.kill(os.getpid(), number)
        await driver.until(lambda: not driver.app.is_running)
        assert driver.app.return_value == status


@pytest.mark.parametrize("error", [SourceError("what", "why", "fix"), ValueError("odd")])
async def test_a_feed_that_fails_ends_the_app_with_its_error(error: Exception) -> None:
    async with running() as driver:
        driver.feed.put(error)
        await driver.until(lambda: not driver.app.is_running)
        assert driver.app.failure is error


async def test_an_error_of_the_screens_ends_the_app_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret in a local")

    async def use_it() -> None:
        async with running() as driver:
            apps.append(driver.app)
            monkeypatch.setattr("pftop.ui.process_pane.ProcessPane.paint_row", broken)
            await driver.press("down")
            await driver.until(lambda: not driver.app.is_running)

    apps: list[PftopApp] = []
    with pytest.raises(RuntimeError):
        await use_it()
    assert isinstance(apps[0].failure, RuntimeError)
    assert not apps[0]._exit_renderables


async def test_no_kernel_messages_or_names_reach_a_markup_parser() -> None:
    async with running((100, 30)) as driver:
        await driver.send(Update(messages=(Safe("[/] [@click=app.quit] oops"),)))
        await driver.press("x")
        assert "[/] [@click=app.quit] oops" in driver.text


async def test_ten_thousand_rows_cost_what_is_in_view(capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine(1)
    base = make_row()
    rows = tuple(
        replace(base, key=base.key._replace(pid=pid), stall_ns=pid * 1_000, minor=pid) for pid in range(1, 10_001)
    )
    async with running((120, 36), machine=machine) as driver:
        await driver.send(Update(snapshot=machine.tick(processes=rows)))
        pane = driver.main.processes
        painted = pane.painted_lines
        again = machine.tick(processes=tuple(replace(row, minor=row.minor + 1) for row in rows))
        pane.show(again)
        assert pane.painted_lines - painted <= pane.size.height
        took_ms = 1e9
        for _ in range(5):
            began = time.perf_counter()
            pane.show(again)
            took_ms = min(took_ms, (time.perf_counter() - began) * 1000)
        began = time.perf_counter()
        pane.repaint()
        paint_ms = (time.perf_counter() - began) * 1000
        await driver.press("end")
        assert pane.cursor == 9_999
        with capsys.disabled():
            print(f"\n10,000 rows: {took_ms:.1f} ms to filter, sort and paint, {paint_ms:.1f} ms of it painting")


async def test_what_did_not_change_is_not_sent() -> None:
    async with running() as driver:
        header = driver.main.query_one("#header")
        refreshed: list[object] = []
        real = header.refresh
        header.refresh = lambda *regions, **kw: (refreshed.extend(regions), real(*regions, **kw))[1]  # type: ignore[assignment]
        driver.main.show_header()
        assert not refreshed


async def test_an_exited_row_says_why_it_faulted_where_there_is_room() -> None:
    machine = Machine()
    async with running((140, 36), machine=machine) as driver:
        gone = replace(make_row(pid=77, comm="crasher", causes_total={"null": 3}), exited=True, exited_at_ns=1)
        await driver.send(Update(snapshot=machine.tick(processes=(gone,))))
        assert "crasher exited: 900 min 100 maj 61ms, null 100%" in driver.text
        await driver.pilot.resize_terminal(80, 24)
        await driver.pilot.pause()
        assert "crasher 900 min 100 maj 61ms" in driver.text
