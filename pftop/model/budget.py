"""Owns ``--max-overhead``: how far pftop must be lowered to cost no more than it may. Pure but for its clock.

Lowered are, in this order, the log's rate, the refresh, and the extras of a drill-down. The counters are
not among them: they are exact at any level.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from pftop.events import Features

LOG_DIVISOR, LOG_STEPS, LOG_LEAST = 4, 3, 10
STRETCHES = (2, 4)
LEAST_TICKS, LOWER_AFTER_S = 3, 2.0
RAISE_AFTER_S, RAISE_AFTER_MOST_S = 10.0, 600.0
ROOM = 0.5
"""Raised only below this share of the limit: no step down saves more than half, so none up can be one too many."""
PROVEN_S = 60.0
"""A rise that lasted this long was right."""


@dataclass(frozen=True, slots=True)
class Level:
    """What pftop does beside counting."""

    log_rate: int
    """Faults a second and CPU."""
    stretch: int = 1
    """Intervals are this many times as long as asked for."""
    extras: bool = True
    """Pages of the focused process, symbols and stacks of logged faults."""


def levels(log_rate: int, features: Features) -> tuple[Level, ...]:
    """From what was asked for down to the least; what a plan does not have is no step."""
    found = [Level(log_rate)]
    if features.log:
        for _ in range(LOG_STEPS):
            slower = max(found[-1].log_rate // LOG_DIVISOR, LOG_LEAST)
            if slower < found[-1].log_rate:
                found.append(replace(found[-1], log_rate=slower))
    found += [replace(found[-1], stretch=stretch) for stretch in STRETCHES]
    if features.pages or features.log:
        found.append(replace(found[-1], extras=False))
    return tuple(found)


class Budget:
    """Which level holds, from what each tick cost.

    Down a step once the median tick of the last two seconds, and of no fewer than three, was over the limit; up
    a step after ten seconds without one above half of it. A rise that had to be taken back makes the next one
    wait twice as long.
    """

    def __init__(self, limit: float, ladder: tuple[Level, ...], clock: Callable[[], float]) -> None:
        """``limit``: a share of one CPU."""
        self.limit, self._ladder, self._clock = limit, ladder, clock
        self._at = 0
        self._recent: deque[tuple[float, float]] = deque(maxlen=64)
        self._changed_at = self._low_since = clock()
        self._low_ticks = 0
        self._raise_after_s = RAISE_AFTER_S
        self._raised_at: float | None = None
        self.exhausted = False
        """At the lowest level, and still over the limit."""

    @property
    def level(self) -> Level:
        """The level that holds."""
        return self._ladder[self._at]

    def steps(self, interval_s: float | None) -> tuple[str, ...]:
        """What is lowered now, in words; ``interval_s`` is the one in force, None where it is the one asked for."""
        asked, level = self._ladder[0], self.level
        said = [f"log rate {level.log_rate}/s"] if level.log_rate < asked.log_rate else []
        said += [f"interval {interval_s:g}s"] if level.stretch > 1 and interval_s is not None else []
        said += [] if level.extras else ["detail off"]
        return (*said, "nothing left to lower") if self.exhausted else tuple(said)

    def note(self, used: float | None) -> bool:
        """Take in what the last tick cost, as a share of one CPU; tells whether the level changed."""
        if used is None:
            return False
        now = self._clock()
        self._recent.append((now, used))
        if used >= self.limit * ROOM:
            self._low_since, self._low_ticks = now, 0
        else:
            self._low_ticks += 1
        if self._raised_at is not None and now - self._raised_at >= PROVEN_S:
            self._raised_at, self._raise_after_s = None, RAISE_AFTER_S
        over = self._over(now)
        if over is not None:
            self.exhausted = self.exhausted if self._at < len(self._ladder) - 1 else over
            if over and self._at < len(self._ladder) - 1:
                return self._lower(now)
        if self._at and self._low_ticks >= LEAST_TICKS and now - self._low_since >= self._raise_after_s:
            return self._raise(now)
        return False

    def _over(self, now: float) -> bool | None:
        """Whether it costs too much at this level; None while it is too early to tell."""
        if len(self._recent) < LEAST_TICKS or now - self._changed_at < LOWER_AFTER_S:
            return None
        late = [used for at, used in self._recent if at > now - LOWER_AFTER_S]
        if len(late) < LEAST_TICKS:
            late = [used for _, used in list(self._recent)[-LEAST_TICKS:]]
        return statistics.median(late) > self.limit

    def _lower(self, now: float) -> bool:
        if self._raised_at is not None:
            self._raise_after_s = min(2 * self._raise_after_s, RAISE_AFTER_MOST_S)
            self._raised_at = None
        self._at += 1
        return self._settle(now)

    def _raise(self, now: float) -> bool:
        self._at -= 1
        self._raised_at, self.exhausted = now, False
        return self._settle(now)

    def _settle(self, now: float) -> bool:
        """What was measured at another level does not count any more."""
        self._recent.clear()
        self._changed_at = self._low_since = now
        self._low_ticks = 0
        return True
