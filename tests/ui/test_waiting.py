"""What stands where the depth of a process would: that it will come, is held back, or never will."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pftop.events import ProcessKey
from pftop.ui.waiting import ENDED, HELD, WAITING, why_waiting
from tests.factories import make_line, make_row
from tests.ui.driving import Driver, running


def line_with(driver: Driver, text: str) -> str:
    return next(line for line in driver.text.splitlines() if text in line)


def test_why_there_is_no_depth() -> None:
    row = make_row()
    gone = replace(row, exited=True, exited_at_ns=1)
    assert why_waiting(row, paused=False) == WAITING
    assert why_waiting(row, paused=True) == HELD
    assert why_waiting(gone, paused=False) == why_waiting(gone, paused=True) == ENDED
    assert why_waiting(gone, paused=False, new=True) == WAITING
    assert why_waiting(gone, paused=True, new=True) == HELD
    assert why_waiting(None, paused=False) == ENDED
    assert why_waiting(None, paused=False, new=True) == WAITING
    assert why_waiting(None, paused=True) == HELD


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_process_that_has_ended_is_not_waited_for(size: tuple[int, int]) -> None:
    async with running(size) as driver:
        driver.main.processes.select(ProcessKey(9063, 1_009_063))
        await driver.press("end")
        await driver.until(lambda: driver.main.processes.at_cursor is not None)
        driver.app.open_process(driver.machine.lines(1)[0].key._replace(pid=9063, start_ns=1_009_063))
        await driver.pilot.pause()
        await driver.tick(detail=None)
        assert ENDED in driver.text
        assert WAITING not in driver.text
        await driver.press("2")
        assert ENDED in driver.text
        await driver.press("escape")
        old = make_line(pid=77)
        driver.app.open_process(old.key)
        await driver.pilot.pause()
        assert WAITING in driver.text
        await driver.tick(detail=None)
        assert ENDED in driver.text
        assert WAITING not in driver.text


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_while_paused_no_pane_promises_the_next_tick(size: tuple[int, int]) -> None:
    async with running(size) as driver:
        await driver.press("p", "enter")
        assert HELD in driver.text
        await driver.press("2")
        assert HELD in driver.text
        assert WAITING not in driver.text
        await driver.press("p")
        assert WAITING in driver.text


async def test_the_pane_beside_the_table_does_not_wait_for_what_will_not_come() -> None:
    async with running((200, 50)) as driver:
        await driver.press("p", "down")
        assert line_with(driver, HELD)
        assert WAITING not in driver.text
        await driver.press("p")
        assert WAITING in driver.text
