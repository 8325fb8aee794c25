"""A command that is followed, and a number of updates: what the live view shows of them, and when it leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pftop.batch.rows import CommandResult
from pftop.model.snapshot import ProcessRow, Update
from pftop.options import Options
from tests.ui.driving import Driver, running
from tests.ui.fake_feed import Machine

MAKE = Options(theme="pftop-dark", command=("/usr/bin/make", "-j4"))
FAMILY = (4211, 4248)


class FakeCommand:
    """Ends when it is told to."""

    def __init__(self, status: int) -> None:
        self.over = self.reaped = False
        self._status = status

    def ended(self) -> bool:
        return self.over

    def result(self) -> CommandResult:
        self.reaped = True
        return CommandResult(self._status, 40, 2)


class Household(Machine):
    """A machine on which some processes are the command's."""

    def _row(self, index: int) -> ProcessRow:
        row = super()._row(index)
        return replace(row, family=row.pid in FAMILY)


def pids(driver: Driver) -> set[int]:
    return {row.pid for row in driver.main.processes.rows}


async def test_only_the_commands_family_is_shown_and_the_header_names_it() -> None:
    async with running((120, 36), options=MAKE, machine=Household(), lines=200, command=FakeCommand(0)) as driver:
        assert pids(driver) == set(FAMILY)
        assert "only make" in driver.text
        assert f"procs {len(FAMILY)}" in driver.text
        assert {line.key.pid for _, line in driver.main.log_pane.rows} <= set(FAMILY)
        assert driver.main.log_pane.rows
        await driver.press("slash")
        await driver.type("pid:1")
        assert pids(driver) == set()


async def test_everyone_is_shown_where_no_command_is_followed() -> None:
    async with running((120, 36), machine=Household()) as driver:
        assert len(pids(driver)) > len(FAMILY)
        assert "only" not in driver.text


@pytest.mark.parametrize("status", [0, 2, 137])
async def test_its_end_is_told_with_its_status_after_a_last_tick(status: int) -> None:
    command = FakeCommand(status)
    async with running((120, 36), options=MAKE, machine=Household(), command=command) as driver:
        await driver.tick()
        assert "ended" not in driver.text
        asked = driver.feed.ticks_asked
        command.over = True
        await driver.until(lambda: driver.feed.ticks_asked == asked + 1)
        assert not command.reaped
        await driver.tick()
        assert f"only make (ended, status {status})" in driver.text
        assert "x 1 message" in driver.text
        await driver.tick()
        assert driver.feed.ticks_asked == asked + 1
        assert driver.app.is_running
        await driver.press("x")
        assert f"make ended with status {status}; wait4 says minor 40, major 2" in driver.text


async def test_a_hostile_name_is_shown_as_text() -> None:
    options = replace(MAKE, command=("/tmp/[b]\x1b]0;x\x07" + "y" * 100,))
    async with running((200, 50), options=options, machine=Household(), command=FakeCommand(0)) as driver:
        assert "only [b]\\x1b]0;x\\x07yyyyyyyy… " in driver.text
        assert "\x1b" not in driver.text


@pytest.mark.parametrize("paused", [False, True])
async def test_it_leaves_after_as_many_ticks_as_were_asked_for(paused: bool) -> None:
    async with running(options=Options(theme="pftop-dark", iterations=3)) as driver:
        if paused:
            await driver.press("p")
        await driver.tick()
        assert driver.app.is_running
        driver.feed.put(Update(snapshot=driver.machine.tick()))
        await driver.until(lambda: not driver.app.is_running)
        assert driver.app.return_value == 0
