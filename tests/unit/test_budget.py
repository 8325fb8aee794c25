"""--max-overhead: which step when, over made-up costs and a clock that only moves when told to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pftop.model.budget import LEAST_TICKS, RAISE_AFTER_S, Budget, Level, levels
from tests.factories import FEATURES
from tests.unit.fake_source import Clock

LADDER = levels(1000, FEATURES["perf"])
LIMIT = 0.02


def budget(clock: Clock) -> Budget:
    return Budget(LIMIT, LADDER, clock)


def spend(held: Budget, clock: Clock, used: float | None, seconds: float, interval_s: float = 1.0) -> int:
    """Ticks that cost this much; tells how often the level changed."""
    changes = 0
    for _ in range(round(seconds / interval_s)):
        clock.now += interval_s
        changes += held.note(used)
    return changes


def depth(held: Budget) -> int:
    return LADDER.index(held.level)


def test_the_log_goes_first_then_the_refresh_then_detail() -> None:
    rates = [level.log_rate for level in LADDER]
    assert rates == [1000, 250, 62, 15, 15, 15, 15]
    assert [level.stretch for level in LADDER] == [1, 1, 1, 1, 2, 4, 4]
    assert [level.extras for level in LADDER] == [True] * 6 + [False]


@pytest.mark.parametrize(
    ("plan", "rate", "expected"),
    [
        ("proc", 1000, [(1000, 1, True), (1000, 2, True), (1000, 4, True)]),
        ("perf", 12, [(12, 1, True), (10, 1, True), (10, 2, True), (10, 4, True), (10, 4, False)]),
        ("perf", 3, [(3, 1, True), (3, 2, True), (3, 4, True), (3, 4, False)]),
    ],
)
def test_what_a_plan_does_not_have_is_no_step(plan: str, rate: int, expected: list[tuple[int, int, bool]]) -> None:
    assert levels(rate, FEATURES[plan]) == tuple(Level(*level) for level in expected)


def test_several_ticks_over_the_limit_take_one_step_and_one_or_two_none() -> None:
    clock = Clock()
    held = budget(clock)
    assert spend(held, clock, 0.3, 2) == 0
    assert spend(held, clock, 0.3, 1) == 1
    assert depth(held) == 1
    # what was measured before the step does not count against the next
    assert spend(held, clock, 0.3, 2) == 0
    assert spend(held, clock, 0.3, 1) == 1


def test_short_intervals_wait_as_long_in_time() -> None:
    clock = Clock()
    held = budget(clock)
    assert spend(held, clock, 0.3, 1.8, 0.1) == 0
    assert spend(held, clock, 0.3, 0.4, 0.1) == 1


def test_a_single_dear_tick_is_nothing() -> None:
    clock = Clock()
    held = budget(clock)
    for _ in range(50):
        assert spend(held, clock, 0.9, 1) == 0
        assert spend(held, clock, 0.005, 2) == 0


def test_unknown_cost_decides_nothing() -> None:
    clock = Clock()
    held = budget(clock)
    assert spend(held, clock, None, 100) == 0
    assert held.steps(1.0) == ()


def test_at_the_bottom_it_says_that_nothing_is_left_until_it_costs_less() -> None:
    clock = Clock()
    held = budget(clock)
    assert spend(held, clock, 0.3, 3 * (len(LADDER) - 1)) == len(LADDER) - 1
    assert held.steps(4.0) == ("log rate 15/s", "interval 4s", "detail off")
    spend(held, clock, 0.3, 3)
    assert held.steps(4.0) == ("log rate 15/s", "interval 4s", "detail off", "nothing left to lower")
    assert depth(held) == len(LADDER) - 1
    spend(held, clock, 0.015, 3)
    assert held.steps(4.0)[-1] == "detail off"
    # it was as long as that before
    assert held.steps(None) == ("log rate 15/s", "detail off")


def test_room_gives_back_step_by_step() -> None:
    clock = Clock()
    held = budget(clock)
    spend(held, clock, 0.3, 6)
    assert held.steps(1.0) == ("log rate 62/s",)
    assert spend(held, clock, 0.005, RAISE_AFTER_S - 1) == 0
    assert spend(held, clock, 0.005, 1) == 1
    assert spend(held, clock, 0.005, RAISE_AFTER_S) == 1
    assert held.steps(1.0) == ()
    assert spend(held, clock, 0.005, 1000) == 0


def test_between_half_and_all_of_the_limit_everything_stays() -> None:
    clock = Clock()
    held = budget(clock)
    spend(held, clock, 0.3, 3)
    assert spend(held, clock, LIMIT * 0.75, 1000) == 0
    assert depth(held) == 1


def test_a_rise_taken_back_makes_the_next_one_wait_longer() -> None:
    clock = Clock()
    held = budget(clock)
    spend(held, clock, 0.3, 3)
    waits = []
    for _ in range(9):
        began = clock.now
        while not held.note(0.001):
            clock.now += 1
        waits.append(clock.now - began)
        while not held.note(0.3):
            clock.now += 1
    assert waits[:4] == pytest.approx([10, 20, 40, 80], abs=2)
    assert max(waits) <= 601


def test_a_rise_that_held_is_forgotten() -> None:
    clock = Clock()
    held = budget(clock)
    spend(held, clock, 0.3, 3)
    spend(held, clock, 0.001, RAISE_AFTER_S)
    spend(held, clock, 0.3, 3)
    spend(held, clock, 0.001, 2 * RAISE_AFTER_S)
    assert depth(held) == 0
    spend(held, clock, 0.001, 100)
    spend(held, clock, 0.3, 3)
    assert spend(held, clock, 0.001, RAISE_AFTER_S) == 1


@given(st.lists(st.tuples(st.floats(0.05, 5), st.one_of(st.none(), st.floats(0, 2))), max_size=300))
def test_it_moves_by_single_steps_never_faster_than_it_can_tell(ticks: list[tuple[float, float | None]]) -> None:
    clock = Clock()
    held = budget(clock)
    at, changed, since = 0, clock.now, 0
    for seconds, used in ticks:
        clock.now += seconds
        since += used is not None
        moved = held.note(used)
        assert abs(depth(held) - at) == moved
        if moved:
            down = depth(held) > at
            assert since >= LEAST_TICKS
            assert clock.now - changed >= (2.0 if down else RAISE_AFTER_S) - 1e-6
            assert used is not None
            assert down or used < LIMIT / 2
            changed, since = clock.now, 0
        at = depth(held)
        assert bool(held.steps(1.0)) == (at > 0)
