"""What the drill-down and the pane beside the table keep of a process that ends while one looks at it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pftop.events import Identity, ProcessKey
from pftop.model.snapshot import ProcessRow, Snapshot, Update
from pftop.text import Safe
from tests.ui.driving import Driver, running


def the_key(driver: Driver) -> ProcessKey:
    """Of the process that is counted in depth."""
    key = driver.feed.focused[-1]
    assert key is not None
    return key


def with_row(driver: Driver, snapshot: Snapshot, row: ProcessRow | None) -> Snapshot:
    """The same with another row, or none, of the process that is looked at."""
    key = the_key(driver)
    others = tuple(other for other in snapshot.processes if other.key != key)
    return replace(snapshot, processes=others if row is None else (*others, row))


async def end(driver: Driver, *, identity: Identity | None = None) -> None:
    """Have the process end: its last tick still counts it, but ``/proc`` knows it no more."""
    key = the_key(driver)
    driver.machine.focused = key
    snapshot = driver.machine.tick()
    detail = snapshot.detail
    assert detail is not None
    row = next(row for row in snapshot.processes if row.key == key)
    ended = replace(row, exited=True, exited_at_ns=snapshot.ts_ns)
    told = replace(detail, identity=identity or Identity())
    await driver.send(Update(snapshot=replace(with_row(driver, snapshot, ended), detail=told)))


async def go(driver: Driver, after_s: int = 0) -> None:
    """Have the row go, and all that was counted with it."""
    driver.machine.seq += after_s
    snapshot = driver.machine.tick()
    await driver.send(Update(snapshot=replace(with_row(driver, snapshot, None), detail=None)))


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_what_was_counted_of_a_process_stands_after_its_row_has_gone(size: tuple[int, int]) -> None:
    async with running(size) as driver:
        await driver.press("enter")
        await driver.tick()
        await end(driver)
        await go(driver)
        await go(driver)
        assert "EXITED" in driver.text
        assert "p99.9" in driver.text
        await driver.press("2")
        assert "[heap]" in driver.text
        assert "no more is known" not in driver.text


async def test_the_next_process_has_nothing_of_one_that_has_ended() -> None:
    async with running((120, 36)) as driver:
        await driver.press("enter")
        await driver.tick()
        await end(driver)
        await go(driver)
        await driver.press("full_stop")
        assert "p99.9" not in driver.text
        assert "counting" in driver.text


def line_with(driver: Driver, text: str) -> str:
    return next(line for line in driver.text.splitlines() if text in line)


async def test_who_it_was_is_told_after_its_end_and_its_age_stands_still() -> None:
    async with running((120, 36)) as driver:
        await driver.press("enter")
        await driver.tick()
        place = line_with(driver, " exe ")
        await end(driver)
        who = line_with(driver, " user ")
        assert " up 3d03h " in who
        assert "threads 12" in who
        assert "swap 88.0M" in who
        assert "state" not in who
        assert line_with(driver, " exe ") == place
        await go(driver, after_s=7_200)
        assert line_with(driver, " user ") == who


async def test_what_the_kernel_still_tells_of_a_zombie_is_shown() -> None:
    async with running((120, 36)) as driver:
        await driver.press("enter")
        await driver.tick()
        await end(driver, identity=Identity(user=Safe("nobody"), state=Safe("zombie")))
        who = line_with(driver, " user ")
        assert "user nobody" in who
        assert "threads 12" in who
        assert "state zombie" in who


async def test_an_end_that_came_during_a_pause_is_told_afterwards() -> None:
    async with running((120, 36)) as driver:
        await driver.press("enter")
        await driver.tick()
        await driver.press("p")
        await end(driver)
        await go(driver)
        assert "EXITED" not in driver.text
        await driver.press("p")
        assert "EXITED" in driver.text
        assert " did " in driver.text


async def test_time_lost_is_a_share_of_the_time_the_process_was_there() -> None:
    async with running((120, 36), ticks=100) as driver:
        await driver.press("enter")
        # 5.08 s of the 101 s since pftop started
        await driver.tick()
        assert "5.0% of wall" in driver.text
        await end(driver)
        assert "5.0% of wall" in driver.text
        await go(driver, after_s=400)
        assert "5.0% of wall" in driver.text


async def test_time_lost_is_no_share_of_what_went_before_the_process() -> None:
    async with running((120, 36), ticks=100) as driver:
        driver.app.open_process(ProcessKey(77, 5_091 * 1_000_000_000))
        await driver.pilot.pause()
        # 5.08 s of its 10 s
        await driver.tick()
        assert "50.8% of wall" in driver.text


async def test_beside_the_table_nothing_is_given_up_before_a_tick_could_have_brought_it() -> None:
    async with running((200, 50), ticks=0) as driver:
        for told in ("counting; shown from the next tick on", "no more is known"):
            snapshot = driver.machine.tick()
            gone = (replace(row, exited=True, exited_at_ns=snapshot.ts_ns) for row in snapshot.processes)
            await driver.send(Update(snapshot=replace(snapshot, processes=tuple(gone), detail=None)))
            assert told in driver.text
            await driver.until(lambda: driver.feed.focused and driver.feed.focused[-1] is not None)
