"""Compares whole screens with pictures that somebody looked at; PFTOP_UPDATE_PICTURES=1 draws them anew."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pftop.events import Cost, ProcessKey
from pftop.model.snapshot import Ledger, LogCounts, Restraint, Update
from pftop.options import Options
from pftop.text import Safe
from tests.factories import make_plan, make_totals
from tests.ui.driving import Driver, running
from tests.ui.fake_feed import Machine

PICTURES = Path(__file__).parent / "pictures"
SIZES = ((80, 24), (120, 36), (200, 50))
Act = Callable[[Driver], Awaitable[None]]


async def chosen(driver: Driver) -> None:
    """A wide screen shows one process in depth, once the cursor has come to rest; until then it is empty."""
    if driver.app.size.width >= 200:
        await driver.until(lambda: driver.feed.focused and driver.feed.focused[-1] is not None)


async def nothing(driver: Driver) -> None:
    """The main screen as it comes up."""


async def drill_down(driver: Driver) -> None:
    await driver.press("down", "enter")
    await driver.until(lambda: driver.feed.focused and driver.feed.focused[-1] is not None)
    await driver.tick(40)


async def mappings(driver: Driver) -> None:
    await drill_down(driver)
    await driver.press("2")


async def causes(driver: Driver) -> None:
    await drill_down(driver)
    await driver.press("3")


async def events(driver: Driver) -> None:
    await drill_down(driver)
    await driver.press("4")


async def help_page(driver: Driver) -> None:
    await driver.press("question_mark")


async def filter_error(driver: Driver) -> None:
    await driver.press("slash")
    await driver.type("user:postgres (")


async def filtered(driver: Driver) -> None:
    await driver.press("slash")
    await driver.type("postgres")


async def sort_picker(driver: Driver) -> None:
    await driver.press("s")


async def in_doubt(driver: Driver) -> None:
    await chosen(driver)
    await driver.tick(
        totals_since_start=make_totals(unattributed=1_204),
        log_since_start=LogCounts(completed=9, logged=1, lost=17),
        ledger=Ledger(seen_off=12, log_off=0, slack=2),
        coverage=0.82,
    )
    await driver.send(Update(messages=(Safe("perf buffer: 17 samples lost"),)))


async def messages(driver: Driver) -> None:
    await driver.send(Update(messages=(Safe("libbpf: map too small"), Safe("perf buffer: 17 samples lost"))))
    await driver.press("x")


async def lowered(driver: Driver) -> None:
    await chosen(driver)
    steps = ("log rate 15/s", "interval 4s", "detail off")
    await driver.tick(restraint=Restraint(1.0, 4.0, steps))


async def own_cost(driver: Driver) -> None:
    cost = Cost(cpu_ratio=0.034, rss_bytes=118 << 20, bpf_ns_per_fault=371.4, bpf_ratio=0.117)
    await driver.tick(cost=cost, restraint=Restraint(1.0, 1.0, ("log rate 250/s",)))
    await driver.tick(cost=cost, restraint=Restraint(1.0, 1.0, ("log rate 62/s",)))
    await driver.press("x")


async def side_pane(driver: Driver) -> None:
    await chosen(driver)
    await driver.tick(5)


SCENES: tuple[tuple[str, Act, tuple[tuple[int, int], ...]], ...] = (
    ("main", nothing, ((80, 24), (120, 36))),
    ("main", side_pane, ((200, 50),)),
    ("main", nothing, ((59, 14), (80, 17), (100, 30))),
    ("drill-down", drill_down, SIZES),
    ("mappings", mappings, ((80, 24),)),
    ("causes", causes, ((80, 24),)),
    ("events", events, ((80, 24),)),
    ("help", help_page, SIZES),
    ("filter-error", filter_error, SIZES),
    ("filtered", filtered, ((80, 24),)),
    ("sort", sort_picker, ((80, 24),)),
    ("in-doubt", in_doubt, SIZES),
    ("messages", messages, ((80, 24),)),
    ("lowered", lowered, SIZES),
    ("own-cost", own_cost, ((80, 24), (120, 36))),
)


def compare(name: str, text: str) -> None:
    """A picture must be what it was, or is drawn anew when that is asked for."""
    path = PICTURES / f"{name}.txt"
    if os.environ.get("PFTOP_UPDATE_PICTURES") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path} differs; PFTOP_UPDATE_PICTURES=1 draws it anew"


@pytest.mark.parametrize(
    ("name", "act", "size"),
    [
        pytest.param(name, act, size, id=f"{name}-{size[0]}x{size[1]}")
        for name, act, sizes in SCENES
        for size in sizes
    ],
)
async def test_screen(name: str, act: Act, size: tuple[int, int]) -> None:
    async with running(size, ticks=60, lines=60) as driver:
        await act(driver)
        compare(f"{name}-{size[0]}x{size[1]}", driver.text)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_full_plan_tells_every_cause_and_what_faults_wait_for(size: tuple[int, int]) -> None:
    machine = Machine(plan=make_plan("fentry"))
    async with running(size, machine=machine, ticks=60, lines=60) as driver:
        await causes(driver)
        compare(f"full-causes-{size[0]}x{size[1]}", driver.text)


async def test_a_plan_without_times_or_log_says_what_would_give_them() -> None:
    machine = Machine(plan=make_plan("proc"))
    async with running((80, 24), machine=machine, ticks=3) as driver:
        compare("proc-plan-80x24", driver.text)


@pytest.mark.parametrize(
    "act", [nothing, drill_down, mappings, causes, help_page, filter_error, sort_picker, messages]
)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_ascii_draws_nothing_else(act: Act, size: tuple[int, int]) -> None:
    options = Options(theme="pftop-dark", ascii=True)
    async with running(size, options=options, ticks=60, lines=60) as driver:
        await act(driver)
        odd = sorted({char for char in driver.text if not char.isascii()})
        assert not odd


async def test_hostile_names_are_text() -> None:
    from pftop.text import clean
    from tests.factories import make_line, make_row

    names = ("[/]", "[@click=app.quit]x[/]", "[bold]", "\x1b]0;owned\x07", "a\u202eb", "[heap")
    rows = tuple(
        make_row(pid=100 + n, comm=clean(name, 15), command=clean(name, 200), user=clean(name, 20))
        for n, name in enumerate(names)
    )
    lines = tuple(make_line(pid=100 + n, comm=clean(name, 15)) for n, name in enumerate(names))
    async with running((120, 36), ticks=0) as driver:
        await driver.send(Update(snapshot=driver.machine.tick(processes=rows), lines=lines))
        text = driver.text
        for name in names:
            assert clean(name, 200) in text
        assert not any(ord(char) < 0x20 and char != "\n" for char in text)
        for y in range(5, 12):
            await driver.pilot.click(driver.main.processes, offset=(105, y - 4))
        assert driver.app.is_running
        assert driver.app.screen is driver.main
        driver.main.processes.select(ProcessKey(101, 1_000_101))
        await driver.press("enter")
        assert "[@click=app.quit]x[/]" in driver.text
