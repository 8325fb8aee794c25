"""Whom the table's cursor follows and whom it lets go, and that the pane beside the table describes the same row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pftop.events import ProcessKey
from pftop.model.snapshot import ProcessRow
from pftop.ui.process_pane import ProcessPane
from pftop.ui.side_pane import SidePane
from tests.factories import make_row
from tests.ui.driving import Driver, running

BUSY, IDLE = 4, 60


def crowd(**changed: int | None) -> tuple[ProcessRow, ...]:
    """A few busy processes over many idle ones; ``p3=7`` has one stall for 7 ms, None ends it."""
    rows = []
    for pid in range(1, BUSY + IDLE + 1):
        stall = (BUSY + 1 - pid) * 100 if pid <= BUSY else 0
        given = changed.get(f"p{pid}", stall)
        row = make_row(pid=pid, minor=given or 0, major=0, stall_ns=(given or 0) * 1_000_000, stall_total_ns=pid)
        rows.append(replace(row, exited=given is None, exited_at_ns=1 if given is None else None))
    return tuple(rows)


def without(pid: int) -> tuple[ProcessRow, ...]:
    return tuple(row for row in crowd() if row.pid != pid)


def at(driver: Driver) -> tuple[int, int, int]:
    """The process under the cursor, the cursor's row, and the first row in view."""
    pane = driver.main.processes
    assert pane.at_cursor is not None
    return pane.at_cursor.pid, pane.cursor, pane.top


def head(driver: Driver) -> str:
    return next(line for line in driver.text.splitlines() if "COMMAND" in line)


async def drill_and_return(driver: Driver) -> None:
    await driver.tick(processes=crowd())
    await driver.press("enter", "escape")
    assert driver.main.processes.cursor_key == ProcessKey(1, 1_000_001)


async def test_a_process_that_ends_is_let_go_and_the_top_followed_again() -> None:
    async with running() as driver:
        await drill_and_return(driver)
        await driver.tick(processes=crowd(p1=None))
        assert at(driver) == (2, 0, 0)
        await driver.tick(processes=crowd(p1=None, p4=999))
        assert at(driver) == (4, 0, 0)


@pytest.mark.parametrize("after", [crowd(p1=None), without(1)], ids=["ended", "gone"])
async def test_an_idle_process_that_led_down_the_list_leads_back_when_it_ends(after: tuple[ProcessRow, ...]) -> None:
    async with running() as driver:
        await drill_and_return(driver)
        await driver.tick(processes=crowd(p1=0))
        pid, _, top = at(driver)
        assert pid == 1
        assert top > BUSY
        assert f"{top} above" in head(driver)
        await driver.tick(processes=after)
        assert at(driver) == (2, 0, 0)


async def test_a_process_that_ends_in_view_can_be_read_until_its_row_goes() -> None:
    async with running((120, 50)) as driver:
        rows = crowd()[:12]
        await driver.tick(processes=rows)
        await driver.press("down")
        ended = replace(rows[1], exited=True, exited_at_ns=1, stall_ns=0)
        await driver.tick(processes=(rows[0], ended, *rows[2:]))
        assert at(driver) == (2, 11, 0)
        await driver.tick(processes=(rows[0], *rows[2:]))
        assert at(driver) == (1, 0, 0)


async def test_whoever_went_down_the_list_stays_there_when_a_row_goes() -> None:
    async with running() as driver:
        await driver.tick(processes=crowd())
        await driver.press("end", "up", "up")
        pid, cursor, top = at(driver)
        await driver.tick(processes=crowd(**{f"p{pid}": None}))
        assert at(driver)[0] == pid
        assert at(driver)[2] > 0
        await driver.tick(processes=without(pid))
        assert abs(at(driver)[1] - cursor) <= 1
        assert at(driver)[2] >= top - 1
        after = at(driver)[0]
        await driver.tick(processes=tuple(row for row in without(pid) if row.pid != 1))
        assert at(driver)[0] == after


async def test_esc_from_a_process_that_has_ended_leads_to_the_top() -> None:
    async with running() as driver:
        await driver.tick(processes=crowd())
        await driver.press("enter")
        await driver.tick(processes=crowd(p1=None))
        await driver.press("escape")
        assert at(driver) == (2, 0, 0)
        driver.main.processes.select(ProcessKey(1, 1_000_001))
        assert at(driver) == (2, 0, 0)


@pytest.mark.parametrize("lower", ["resize", "log", "prompt"])
async def test_a_row_that_was_in_view_stays_there_when_the_table_becomes_lower(lower: str) -> None:
    async with running((80, 24) if lower == "log" else (120, 50)) as driver:
        if lower == "log":
            await driver.press("l")
        await driver.tick(processes=crowd())
        pane = driver.main.processes
        await driver.press(*["down"] * (pane.view_height - 1))
        chosen = at(driver)
        assert chosen[2] == 0
        if lower == "resize":
            await driver.pilot.resize_terminal(80, 24)
        else:
            await driver.press({"log": "l", "prompt": "slash"}[lower])
        assert pointed_at(driver) == chosen[0]
        await driver.tick(processes=crowd())
        assert pointed_at(driver) == chosen[0]
        assert at(driver)[2] == chosen[1] - pane.view_height + 1


async def test_a_cursor_that_was_scrolled_away_from_stays_away_when_the_table_becomes_lower() -> None:
    async with running((120, 50)) as driver:
        await driver.tick(processes=crowd())
        await driver.press("down")
        driver.main.processes.scroll_rows(9)
        await driver.pilot.resize_terminal(80, 24)
        await driver.tick(processes=crowd())
        assert at(driver)[1:] == (1, 9)


async def test_a_process_that_is_filtered_out_is_followed_again_afterwards() -> None:
    async with running() as driver:
        await driver.press("down", "down")
        pid = at(driver)[0]
        await driver.press("slash")
        await driver.type("nobody")
        await driver.tick()
        await driver.press("escape")
        assert at(driver)[0] == pid


@pytest.mark.parametrize("size", [(59, 14), (80, 24), (120, 36), (200, 50)])
async def test_the_head_says_how_many_rows_are_above(size: tuple[int, int]) -> None:
    async with running(size) as driver:
        await driver.tick(processes=crowd())
        assert "above" not in driver.text
        await driver.press("end")
        assert f" {at(driver)[2]} above" in head(driver)
        await driver.press("s", "end", "enter")
        await driver.tick(processes=crowd())
        assert f" {at(driver)[2]} above" in head(driver)
        await driver.press("home")
        assert "above" not in driver.text
        for width in (20, 30, 41):
            await driver.pilot.resize_terminal(width, 14)
            await driver.press("end")
            assert max(map(len, driver.text.splitlines())) <= width


def described(driver: Driver) -> int:
    """The process the side pane tells of."""
    line = next(line for line in driver.text.splitlines() if "│" in line)
    return int(line.partition("│")[2].split()[0])


def pointed_at(driver: Driver) -> int:
    """The process of the row marked with the cursor."""
    line = next(line for line in driver.text.splitlines() if line.startswith(">"))
    return int(line[1:].split()[0].strip("()"))


async def test_the_pane_beside_the_table_describes_the_row_under_the_cursor() -> None:
    async with running((200, 50)) as driver:
        assert driver.main.query_one(SidePane).display
        for _ in range(30):
            await driver.tick()
            assert described(driver) == pointed_at(driver) == at(driver)[0]
        await driver.press("down", "down")
        assert described(driver) == pointed_at(driver)
        for _ in range(5):
            await driver.tick()
            assert described(driver) == pointed_at(driver)


async def test_an_untouched_cursor_stays_with_its_process_while_that_is_near_the_top() -> None:
    async with running((200, 50), ticks=0) as driver:
        await driver.tick(processes=crowd())
        assert at(driver) == (1, 0, 0)
        await driver.tick(processes=crowd(p3=999))
        assert at(driver) == (1, 1, 0)
        assert described(driver) == 1
        await driver.press("home")
        assert at(driver) == (3, 0, 0)
        await driver.tick(processes=crowd(p3=250))
        assert at(driver) == (3, 2, 0)
        await driver.tick(processes=crowd(p3=50))
        assert at(driver) == (3, 3, 0)
        await driver.tick(processes=crowd(p3=0)[:2] + crowd(p3=0)[3:])
        assert at(driver) == (1, 0, 0)
        await driver.tick(processes=crowd(p1=None))
        assert at(driver) == (2, 0, 0)
        assert described(driver) == 2


async def test_without_the_pane_an_untouched_cursor_is_on_the_first_row() -> None:
    async with running((120, 36), ticks=0) as driver:
        await driver.tick(processes=crowd())
        await driver.tick(processes=crowd(p3=999))
        assert at(driver) == (3, 0, 0)
        assert isinstance(driver.main.processes, ProcessPane)
