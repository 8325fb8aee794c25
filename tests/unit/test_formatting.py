"""Owns the proof that every number fits its cell and that rounding tells no lies."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pftop import formatting as f
from pftop.text import cell_width

COUNTS = st.integers(0, 2**64)
SCALES = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18, "": 1.0}
TIMES = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


def value_of(text: str, scales: dict[str, float]) -> float:
    number, unit = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", text).groups()
    return float(number) * scales[unit]


@pytest.mark.parametrize("show", [f.count, f.rate, f.duration, f.percent, f.size])
def test_unknown_is_a_dash(show: Callable[[None], str]) -> None:
    assert show(None) == "-"


@pytest.mark.parametrize(
    ("n", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00k"),
        (1234, "1.23k"),
        (9_999, "10.0k"),
        (48_200, "48.2k"),
        (99_999, "100k"),
        (312_000, "312k"),
        (999_499, "999k"),
        (999_500, "1.00M"),
        (1_200_000, "1.20M"),
        (2**64, "18.4E"),
    ],
)
def test_count(n: int, shown: str) -> None:
    assert f.count(n) == shown


@given(COUNTS)
def test_a_count_has_five_cells_and_is_off_by_half_a_digit_at_most(n: int) -> None:
    shown = f.count(n)
    assert len(shown) <= 5
    assert math.isclose(value_of(shown, SCALES), n, rel_tol=0.00502)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.001, "<0.1"),
        (0.4, "0.4"),
        (0.97, "1"),
        (3.0, "3"),
        (3.2, "3.2"),
        (9.94, "9.9"),
        (9.97, "10"),
        (123.4, "123"),
        (999.7, "1.00k"),
        (48_211.3, "48.2k"),
        (math.nan, "-"),
        (math.inf, ">999E"),
    ],
)
def test_rate(value: float, shown: str) -> None:
    assert f.rate(value) == shown


@given(st.floats(0, 2e19))
def test_a_rate_has_five_cells_and_is_0_for_nothing_only(value: float) -> None:
    assert len(f.rate(value)) <= 5
    assert (f.rate(value) == "0") == (value == 0)


@pytest.mark.parametrize(
    ("ns", "shown"),
    [
        (0, "0ns"),
        (812, "812ns"),
        (999, "999ns"),
        (1_200, "1.2us"),
        (18_000, "18.0us"),
        (99_960, "100us"),
        (412_000, "412us"),
        (999_960, "1.0ms"),
        (2_100_000, "2.1ms"),
        (18_000_000, "18ms"),
        (999_600_000, "1.0s"),
        (1_200_000_000, "1.2s"),
        (74_000_000_000, "74s"),
        (99_600_000_000, "1m40s"),
        (192_000_000_000, "3m12s"),
        (3_599_600_000_000, "1h00m"),
        (7_500_000_000_000, "2h05m"),
        (20 * 86_400_000_000_000, "20d"),
    ],
)
def test_duration(ns: int, shown: str) -> None:
    assert f.duration(ns) == shown


@given(st.integers(0, 2**64))
def test_a_duration_has_six_cells(ns: int) -> None:
    assert len(f.duration(ns)) <= 6


@given(st.integers(1, 99_000_000_000))
def test_a_short_duration_is_off_by_five_per_cent_at_most(ns: int) -> None:
    assert math.isclose(value_of(f.duration(ns), TIMES), ns, rel_tol=0.051)


@pytest.mark.parametrize(
    ("ns", "interval_ns", "shown"),
    [
        (0, 10**9, "0"),
        (1_000, 10**9, "<0.01"),
        (420_000, 10**9, "0.42"),
        (997_000, 10**9, "1.0"),
        (6_100_000, 10**9, "6.1"),
        (6_400_000, 2 * 10**9, "3.2"),
        (312_000_000, 10**9, "312"),
        (999_700_000, 10**9, "1.0k"),
        (1_200_000_000, 10**9, "1.2k"),
        (64_000_000_000, 10**9, "64k"),
        (None, 10**9, "-"),
        (5, 0, "-"),
    ],
)
def test_stall(ns: int | None, interval_ns: int, shown: str) -> None:
    assert f.stall(ns, interval_ns) == shown


@given(COUNTS, st.integers(10**8, 6 * 10**10))
def test_stall_has_five_cells_and_is_0_for_nothing_only(ns: int, interval_ns: int) -> None:
    shown = f.stall(ns, interval_ns)
    assert len(shown) <= 5
    assert (shown == "0") == (ns == 0)


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (0.0, "0%"),
        (0.0001, "<0.1%"),
        (0.003, "0.3%"),
        (0.061, "6.1%"),
        (0.997, "99.7%"),
        (0.99999, "99.9%"),
        (1.0, "100%"),
        (8.12, "812%"),
        (64.0, "6400%"),
        (512.0, "51k%"),
    ],
)
def test_percent(ratio: float, shown: str) -> None:
    assert f.percent(ratio) == shown


@given(st.floats(0, 1e6))
def test_a_share_is_all_or_nothing_only_when_it_is(ratio: float) -> None:
    shown = f.percent(ratio)
    assert len(shown) <= 5
    assert (shown == "0%") == (ratio == 0)
    assert ratio >= 1 or shown != "100%"


@pytest.mark.parametrize(
    ("n", "shown"),
    [
        (812, "812B"),
        (1023, "1023B"),
        (65_536, "64.0K"),
        (512 << 10, "512K"),
        ((1 << 20) - 1, "1.0M"),
        (int(2.1 * (1 << 30)), "2.1G"),
    ],
)
def test_size(n: int, shown: str) -> None:
    assert f.size(n) == shown


@given(COUNTS)
def test_a_size_has_five_cells(n: int) -> None:
    assert len(f.size(n)) <= 5


def test_addresses_and_times() -> None:
    assert f.address(0x55D0C8E1F000) == "0x55d0c8e1f000"
    assert f.clock(1_795_262_647.113, utc=True) == "12:04:07.113"
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.000", f.clock(1_795_262_647))
    assert f.iso_time(1_795_262_647.113) == "2026-11-21T12:04:07.113+00:00"
    assert f.iso_time(0) == "1970-01-01T00:00:00.000+00:00"


def test_spans_of_time_in_words() -> None:
    assert f.ago(125) == "2 minutes ago"
    assert f.ago(-1) == "a moment ago"
    assert f.elapsed(312.9) == "00:05:12"
    assert f.elapsed(86_399) == "23:59:59"
    assert f.elapsed(3 * 86_400 + 2 * 3600) == "3d02h"


@pytest.mark.parametrize(
    ("values", "width", "kwargs", "shown"),
    [
        ((0, 1, 4, 8), 4, {}, " ▁▄█"),
        ((0, 1, 4, 8), 6, {}, "   ▁▄█"),
        ((100, 1, 4, 8), 3, {}, "▁▄█"),
        ((0, 1, 4, 8), 4, {"ascii": True}, " .=@"),
        ((0, 4, 8), 3, {"top": 16.0}, " ▂▄"),
        ((99,), 1, {"top": 16.0}, "█"),
        ((5,), 1, {"top": 16.0}, "▃"),
        ((0.001, 1000), 2, {}, "▁█"),
        ((0, 0), 3, {}, "   "),
        ((), 3, {}, "   "),
        ((math.nan, 1.0), 2, {}, " █"),
        ((1.0,), 0, {}, ""),
    ],
)
def test_spark(values: tuple[float, ...], width: int, kwargs: dict[str, object], shown: str) -> None:
    assert f.spark(values, width, **kwargs) == shown


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True)), st.integers(0, 30), st.booleans())
def test_spark_fills_its_cells_and_shows_every_fault(values: list[float], width: int, ascii: bool) -> None:
    shown = f.spark(values, width, ascii=ascii)
    assert cell_width(shown) == width
    assert shown.isascii() or not ascii
    window = values[-width:] if width else []
    assert [mark != " " for mark in shown[width - len(window) :]] == [value > 0 for value in window]


@pytest.mark.parametrize(
    ("ratio", "width", "ascii", "shown"),
    [
        (0.5, 4, False, "██  "),
        (0.53125, 4, False, "██▏ "),
        (0.0001, 4, False, "▏   "),
        (1.0, 4, False, "████"),
        (7.0, 4, False, "████"),
        (0.0, 4, False, "    "),
        (math.nan, 4, False, "    "),
        (0.5, 4, True, "##  "),
        (0.0001, 4, True, "#   "),
    ],
)
def test_bar(ratio: float, width: int, ascii: bool, shown: str) -> None:
    assert f.bar(ratio, width, ascii=ascii) == shown


@given(st.floats(allow_nan=True), st.integers(0, 40), st.booleans())
def test_bar_fills_its_cells(ratio: float, width: int, ascii: bool) -> None:
    shown = f.bar(ratio, width, ascii=ascii)
    assert cell_width(shown) == width
    assert bool(shown.strip()) == (ratio > 0 and width > 0)
