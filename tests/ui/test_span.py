"""That the header says truly how much time its graphs show."""

from __future__ import annotations

import pytest

from pftop.formatting import span
from pftop.model.snapshot import Snapshot
from pftop.ui.header import HISTORY, Pace
from tests.factories import SECOND_NS
from tests.ui.driving import running
from tests.ui.fake_feed import Machine


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.3, "0.3 s"),
        (12.0, "12 s"),
        (119.2, "119 s"),
        (119.98, "2 min"),
        (150, "2.5 min"),
        (3_600, "60 min"),
        (7_199.9, "2 h"),
        (9_000, "2.5 h"),
        (360_000, "100 h"),
    ],
)
def test_a_span_in_few_words(seconds: float, text: str) -> None:
    assert span(seconds) == text
    assert len(text) <= 7


class Ticker:
    """Ticks of any length, as the header gets them."""

    def __init__(self) -> None:
        self.machine, self.now, self.pace = Machine(1), 0.0, Pace()

    def tick(self, seconds: float, *, shown: bool = True) -> Snapshot:
        self.now += seconds
        times = {"ts_ns": int((500 + self.now) * SECOND_NS), "interval_ns": int(seconds * SECOND_NS)}
        snapshot = self.machine.tick(**times, elapsed_ns=int(self.now * SECOND_NS))
        if shown:
            self.pace.note(snapshot)
        return snapshot

    def span(self, snapshot: Snapshot) -> str:
        return span(self.pace.seconds(snapshot))


@pytest.mark.parametrize(("interval", "text"), [(0.1, "12 s"), (1, "2 min"), (60, "2 h")])
def test_the_graphs_span_is_what_their_ticks_took(interval: float, text: str) -> None:
    ticker = Ticker()
    for _ in range(HISTORY + 40):
        last = ticker.tick(interval)
    assert ticker.span(last) == text


def test_a_short_history_and_one_of_mixed_intervals_are_told_truly() -> None:
    ticker = Ticker()
    assert [ticker.span(ticker.tick(1)) for _ in range(12)][-1] == "12 s"
    for _ in range(60):
        last = ticker.tick(1)
    for _ in range(60):
        last = ticker.tick(0.1)
    assert ticker.span(last) == "66 s"


def test_ticks_that_passed_while_another_screen_was_up_count_too() -> None:
    ticker = Ticker()
    for _ in range(80):
        ticker.tick(1)
    for _ in range(20):
        ticker.tick(4, shown=False)
    assert ticker.pace.seconds(ticker.tick(4)) == pytest.approx(80 + 21 * 4)
    late = Ticker()
    for _ in range(9):
        late.tick(2, shown=False)
    assert late.span(late.tick(2)) == "20 s"


@pytest.mark.parametrize(("size", "texts"), [((80, 24), (" 1 s ",)), ((120, 36), (" faults, 1 s ", " stall, 1 s "))])
async def test_the_header_says_its_graphs_span(size: tuple[int, int], texts: tuple[str, ...]) -> None:
    async with running(size) as driver:
        assert all(text in driver.text for text in texts)
        for _ in range(10):
            await driver.tick()
        assert all(text.replace(" 1 s", " 11 s") in driver.text for text in texts)
