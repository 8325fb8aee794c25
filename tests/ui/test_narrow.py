"""That where there is little room, facts are left out or end with an ellipsis, and no number is cut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pftop.ui.facts import Piece, fact, pack
from pftop.ui.histogram_pane import HistogramPane
from pftop.ui.palette import Palette
from pftop.ui.tabs import Tabs
from tests.factories import make_latency
from tests.ui.driving import running


async def test_no_number_of_the_tiny_header_is_cut_before_its_unit() -> None:
    async with running((44, 5)) as driver:
        for width in (44, 30, 23, 20, 17, 16, 15, 14, 10):
            await driver.pilot.resize_terminal(width, 5)
            await driver.pilot.pause()
            first = driver.text.splitlines()[0].split()
            assert next(word for word in first if word[0].isdigit()).endswith("/s")
            assert ("faults" in first) == (width >= 15)
            assert ("pftop" in first) == (width >= 24)
            await driver.press("p")
            assert "PAUSED" in driver.text or width < 18
            assert len(driver.text.splitlines()[0]) <= width
            await driver.press("p")


def texts(line: list[tuple[str, object, object]]) -> str:
    return "".join(part[0] for part in line)


async def test_a_line_that_has_no_room_ends_with_an_ellipsis() -> None:
    async with running() as driver:
        header = driver.main.query_one("#header")
        pieces = [Piece(0, (("a rather long name", "text"),)), fact("p50", "12us", drop=1), fact("n", "5")]
        assert texts(pack(header.pen(), pieces, [], 40)) == "a rather long name  p50 12us  n 5"
        assert texts(pack(header.pen(), pieces, [], 30)) == "a rather long name  n 5"
        assert texts(pack(header.pen(), pieces, [], 20)) == "a rather long name …"
        assert texts(pack(header.pen(), pieces, [], 10)) == "a rather …"
        assert isinstance(driver.app.palette, Palette)


async def test_narrow_tabs_and_figures_are_left_out_and_not_cut() -> None:
    async with running((40, 10)) as driver:
        await driver.press("enter")
        await driver.tick()
        assert " [1 Latency] 2  3  4 " in driver.text
        tabs = driver.app.screen.query_one(Tabs)
        await driver.pilot.click(tabs, offset=(17, 0))
        await driver.pilot.pause()
        assert " 1  2 [3 Causes] 4" in driver.text
        await driver.press("1")
        assert " p50 800ns  p99 41.0us  max 18ms" in driver.text.splitlines()
        await driver.pilot.resize_terminal(46, 10)
        await driver.pilot.pause()
        assert " [1 Latency] 2 Mappings  3 Causes  4 Events" in driver.text


@pytest.mark.parametrize("width", [38, 44, 60, 78, 80, 120])
async def test_the_summary_of_a_histogram_fits(width: int) -> None:
    async with running((max(width, 60), 40)) as driver:
        await driver.press("enter")
        await driver.tick()
        pane = driver.app.screen.query_one(HistogramPane)
        detail = driver.app.store.snapshot.detail  # type: ignore[union-attr]
        assert detail is not None
        for interval in (False, True):
            pane.scale = replace(pane.scale, interval=interval)
            lines = [texts(line) for line in pane._summary(detail, width)]
            assert max(map(len, lines)) <= width
            assert "…" not in "".join(lines)
            assert interval == ("since start" in " ".join(lines))
        one = replace(detail, all_latency=make_latency(count=1))
        assert " 1 fault " in " ".join(texts(line) for line in pane._summary(one, width))
        assert " 2 faults " in " ".join(
            texts(line) for line in pane._summary(replace(one, all_latency=make_latency(count=2)), width)
        )
