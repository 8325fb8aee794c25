"""Owns the filter's comparisons (``maj>=1k``, ``stall>2%``, ``p99>1ms``): which numbers, in which units."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from pftop.model.snapshot import Latency, ProcessRow
from pftop.text import quoted

Test = Callable[[ProcessRow, int], bool]
"""Says whether a row matches; the second argument is the interval its counts are over, ns."""
_Figure = Callable[[ProcessRow, int], float | None]

_NS_PER_S = 1_000_000_000
_NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([a-z%]*)")
_COUNT_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_TIME_UNITS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
_SIZE_UNITS = {"": 1.0, "b": 1.0, "k": 2.0**10, "m": 2.0**20, "g": 2.0**30, "t": 2.0**40}
# An interval is never exactly a second, so one fault in it may be 0.999 a second: "=1" and ">=1" mean it
# all the same. It is less than the last digit on screen.
_TOLERANCE = 0.005


class ValueProblem(ValueError):
    """What is wrong with the right side of a comparison, for a human."""


def _per_second(count: Callable[[ProcessRow], int | None]) -> _Figure:
    def figure(row: ProcessRow, interval_ns: int) -> float | None:
        n = count(row)
        return None if n is None or interval_ns <= 0 else n * _NS_PER_S / interval_ns

    return figure


def _of_latency(part: Callable[[Latency], int | None]) -> _Figure:
    return lambda row, interval_ns: None if row.latency_total is None else part(row.latency_total)


def _stall_share(row: ProcessRow, interval_ns: int) -> float | None:
    return None if row.stall_ns is None or interval_ns <= 0 else row.stall_ns / interval_ns * 100


_RATES: Mapping[str, _Figure] = {
    "maj": _per_second(lambda row: row.major),
    "min": _per_second(lambda row: row.minor),
    "inv": _per_second(lambda row: row.invalid),
    "faults": _per_second(lambda row: row.faults),
}
_LATENCIES: Mapping[str, _Figure] = {
    "p50": _of_latency(lambda latency: latency.p50_ns),
    "p90": _of_latency(lambda latency: latency.p90_ns),
    "p99": _of_latency(lambda latency: latency.p99_ns),
    "max": _of_latency(lambda latency: latency.max_ns),
}
_STALL_TIME: _Figure = _per_second(lambda row: row.stall_ns)

COMPARED: tuple[str, ...] = (*_RATES, "stall", *_LATENCIES, "rss")
"""Every name that can stand on the left of a comparison."""


def comparison(name: str, operator: str, text: str) -> Test:
    """The test for one of ``COMPARED``, an operator (> >= < <= =) and a number with its unit.

    A row of which the figure is not known never matches. Raises ValueProblem.
    """
    figure, value = _read(name, text.lower())

    def test(row: ProcessRow, interval_ns: int) -> bool:
        actual = figure(row, interval_ns)
        return actual is not None and _holds(actual, operator, value)

    return test


def _read(name: str, text: str) -> tuple[_Figure, float]:
    """The figure to look at and the number to hold against it, in the same unit."""
    if not text:
        raise ValueProblem(f"a number is missing here: write it next to the sign, like {example(name)}")
    found = re.fullmatch(_NUMBER, text.replace("µ", "u").replace("μ", "u"))
    if found is None:
        raise ValueProblem(f"{quoted(text)} is not a number with a unit, like {example(name)}")
    number, unit = float(found[1]), found[2]
    if name in _RATES:
        return _RATES[name], number * _scale(name, unit, _COUNT_UNITS)
    if name == "rss":
        size_unit = unit.removesuffix("ib") if unit.endswith("ib") else unit.removesuffix("b")
        return _rss, number * _scale(name, size_unit, _SIZE_UNITS)
    if name == "stall" and unit == "%":
        return _stall_share, number
    figure = _STALL_TIME if name == "stall" else _LATENCIES[name]
    if not unit:
        # Nothing is nothing in every unit.
        if number:
            raise ValueProblem(f"add a unit: {example(name)}")
        return figure, 0.0
    return figure, number * _scale(name, unit, _TIME_UNITS)


def _rss(row: ProcessRow, interval_ns: int) -> float | None:
    return row.info.rss_bytes


def _scale(name: str, unit: str, units: Mapping[str, float]) -> float:
    try:
        return units[unit]
    except KeyError:
        known = ", ".join([known for known in units if known] + ["%"] * (name == "stall"))
        raise ValueProblem(f"{quoted(unit)} is no unit of {name}; units are {known}") from None


def _holds(actual: float, operator: str, value: float) -> bool:
    same = math.isclose(actual, value, rel_tol=_TOLERANCE)
    match operator:
        case ">":
            return actual > value and not same
        case ">=":
            return actual > value or same
        case "<":
            return actual < value and not same
        case "<=":
            return actual < value or same
        case _:
            return same


def example(name: str) -> str:
    """A comparison of this figure, to show how one is written."""
    if name in _LATENCIES:
        return f"{name}>1ms"
    return {"stall": "stall>2% or stall>5ms", "rss": "rss>1g"}.get(name, f"{name}>10")
