"""Owns the proof that nothing a process writes about itself reaches the terminal as anything but text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pftop.text import Safe, cell_width, clean, fit

FORBIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
NASTY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x1b\n\x9b\u202e\u200b\u2028\u0301\u0302\u093f\ud800\udcff\ue000\U000e0041日한🙂…\\"),
    )
)


def marks_in_a_row(text: str) -> int:
    most = run = 0
    for char in text:
        run = run + 1 if unicodedata.category(char).startswith("M") else 0
        most = max(most, run)
    return most


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"postgres: writer", "postgres: writer"),
        (b"\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        (b"a\nb\tc\rd\x00", "a\\nb\\tc\\rd\\x00"),
        (b"\xff\xfe ok", "\\xff\\xfe ok"),
        (b"cut \xe6\x97", "cut \\xe6\\x97"),
        ("\udcff from psutil", "\\xff from psutil"),
        ("\ud800", "\\u{d800}"),
        ("\u009b31m", "\\x9b31m"),
        ("evil\u202etxt.exe", "evil\\u{202e}txt.exe"),
        ("zero\u200bwidth", "zero\\u{200b}width"),
        ("line\u2028end", "line\\u{2028}end"),
        ("\ue0b0", "\\u{e0b0}"),
        ("tag\U000e0041", "tag\\u{e0041}"),
        ("C:\\x1b", "C:\\x1b"),
        ("日本語", "日本語"),
        ("e\u0301", "e\u0301"),
        ("e\u0301\u0302\u0303", "e\u0301\u0302\\u{303}"),
        ("\u0301x", "\\u{301}x"),
        ("\x1b\u0301", "\\x1b\\u{301}"),
        ("filler\u3164\u2800", "filler\\u{3164}\\u{2800}"),
    ],
)
def test_what_a_terminal_would_obey_or_hide_is_spelt_out(raw: bytes | str, shown: str) -> None:
    assert clean(raw) == shown


@pytest.mark.parametrize(
    ("raw", "limit", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("abcdef", 1, "…"),
        ("abcdef", 0, ""),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("ab\x1b", 5, "ab…"),
        ("é\u0301" * 3, 2, "é\u0301…"),
    ],
)
def test_text_is_bound_in_cells(raw: str, limit: int, shown: str) -> None:
    assert clean(raw, limit) == shown


def test_an_endless_command_line_is_not_read_to_its_end() -> None:
    shown = clean(b"\x1b" * 10_000_000, 40)
    assert cell_width(shown) <= 40
    assert shown.endswith("…")


@given(NASTY, st.integers(0, 60))
@example("\u0301" * 400, 10)
@example("a" + "\u0301" * 400, 10)
def test_clean_text_holds_nothing_dangerous_and_stays_in_its_cells(raw: str, limit: int) -> None:
    shown = clean(raw, limit)
    assert isinstance(shown, Safe)
    assert not {unicodedata.category(char) for char in shown} & FORBIDDEN
    assert cell_width(shown) <= limit
    assert marks_in_a_row(shown) <= 2
    assert not shown or not unicodedata.category(shown[0]).startswith("M")
    assert clean(shown, limit) == shown


@given(st.binary(max_size=200), st.integers(0, 60))
def test_any_bytes_can_be_cleaned(raw: bytes, limit: int) -> None:
    shown = clean(raw, limit)
    assert cell_width(shown) <= limit
    assert not {unicodedata.category(char) for char in shown} & FORBIDDEN


@given(st.text(st.characters(codec="utf-8")))
def test_bytes_and_text_are_shown_alike(raw: str) -> None:
    assert clean(raw.encode()) == clean(raw)


@given(st.lists(st.text(st.characters(codec="ascii"), max_size=5), min_size=2, max_size=2, unique=True))
def test_different_control_characters_look_different(pair: list[str]) -> None:
    one, other = (clean(text) for text in pair)
    assert one != other or "\\" in "".join(pair)


@pytest.mark.parametrize(
    ("text", "width", "align", "shown"),
    [
        ("abc", 5, "<", "abc  "),
        ("abc", 5, ">", "  abc"),
        ("abc", 5, "^", " abc "),
        ("abcdef", 4, "<", "abc…"),
        ("日本語", 5, "<", "日本…"),
        ("日本語", 4, "<", "日… "),
        ("日本語", 4, ">", " 日…"),
        ("日本", 5, ">", " 日本"),
        ("abc", 0, "<", ""),
        ("abc", -3, "<", ""),
    ],
)
def test_fit_gives_exactly_the_cells_asked_for(text: str, width: int, align: str, shown: str) -> None:
    assert fit(Safe(text), width, align) == shown


@given(NASTY, st.integers(0, 40), st.sampled_from("<>^"))
def test_fit_has_the_width_and_lets_nothing_through(text: str, width: int, align: str) -> None:
    shown = fit(text, width, align)
    assert cell_width(shown) == width
    assert not {unicodedata.category(char) for char in shown} & FORBIDDEN


@pytest.mark.parametrize(("text", "cells"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("한", 2), ("🙂", 2), ("", 0)])
def test_cell_width_counts_terminal_cells(text: str, cells: int) -> None:
    assert cell_width(text) == cells
