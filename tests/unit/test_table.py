"""Owns the proof that columns fit, fold in the agreed order and sort rows without making them jump."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pftop.causes import CAUSES
from pftop.events import ProcessInfo, ProcessKey
from pftop.model import table as t
from pftop.model.query import parse
from pftop.text import Safe, cell_width
from tests.factories import FEATURES, SECOND_NS, make_latency, make_row

ALL = parse("")
KEYS = ["pid", "user", "min", "maj", "inv", "stall", "wall", "p50", "p99", "max", "rss", "trend", "cause", "command"]
IN_80 = ["PID", "USER", "MIN/s", "MAJ/s", "STALL", "%WALL", "p99", "TREND", "COMMAND"]
NARROWEST = ["PID", "MIN/s", "MAJ/s", "STALL", "COMMAND"]


def titles(width: int, keep: str | None = None) -> list[str]:
    return [column.title for column in t.fold(t.COLUMNS, width, keep=keep)]


def cells(columns: tuple[t.Column, ...]) -> int:
    return sum(column.width + 1 for column in columns) - 1


def order(rows: list[object], sort: str, reverse: bool = False) -> list[int]:
    return [row.pid for row in t.select(rows, ALL, sort, reverse, SECOND_NS)]


def text(key: str, **overrides: object) -> str:
    return t.column(key).text(make_row(**overrides), SECOND_NS)


def test_columns_are_the_agreed_ones() -> None:
    assert [column.key for column in t.COLUMNS] == KEYS
    assert list(t.SORT_KEYS) == KEYS
    assert all(cell_width(column.title) <= column.width for column in t.COLUMNS)
    assert all(len(column.describe) > len(column.help) > 0 for column in t.COLUMNS)
    folding = [column.drop for column in t.COLUMNS if column.drop]
    assert len(set(folding)) == len(folding)


@pytest.mark.parametrize(
    ("key", "overrides", "shown"),
    [
        ("pid", {"pid": 4_194_304}, "4194304"),
        ("user", {"user": "root"}, "root"),
        ("min", {"minor": 18_400}, "18.4k"),
        ("maj", {"major": 0}, "0"),
        ("inv", {"invalid": 3}, "3"),
        ("inv", {"invalid": None}, "-"),
        ("stall", {"stall_ns": 6_100_000}, "6.1"),
        ("stall", {"stall_ns": None}, "-"),
        ("wall", {"stall_ns": 61_000_000}, "6.1%"),
        ("wall", {"stall_ns": 2_500_000_000}, "250%"),
        ("wall", {"stall_ns": None}, "-"),
        ("p50", {}, "800ns"),
        ("p99", {"latency": None}, "41.0us"),
        ("max", {"latency_total": make_latency(max_ns=2_100_000)}, "2.1ms"),
        ("max", {"latency_total": None}, "-"),
        ("rss", {"rss_bytes": None}, "-"),
        ("trend", {}, ""),
        ("cause", {}, "-"),
        ("cause", {"causes_total": {}}, "-"),
        ("cause", {"causes_total": {"unknown": 9}}, "-"),
        ("cause", {"causes_total": {"cow": 61, "huge": 39}}, "cow 61%"),
        ("cause", {"causes_total": {"cow": 99_999, "huge": 1}}, "cow 99%"),
        ("cause", {"causes_total": {"null": 1}, "cause_ns_total": {}}, "null 100%"),
        (
            "cause",
            {"causes_total": {"cow": 99, "file-read": 1}, "cause_ns_total": {"cow": 1, "file-read": 3}},
            "read 75%",
        ),
        ("cause", {"causes_total": {"cow": 61, "huge": 39, "unknown": 1}}, "cow 61%"),
        ("cause", {"causes_total": {"hugetlb": 3, "unknown": 900}}, "~hgtlb 100%"),
        ("command", {"command": "x" * 200}, "x" * 200),
    ],
)
def test_cells_show_the_row(key: str, overrides: dict[str, object], shown: str) -> None:
    assert text(key, **overrides) == shown


def test_every_cause_fits_its_column() -> None:
    for cause in CAUSES:
        cell = text("cause", causes_total={cause.name: 5, "unknown": 5})
        assert cell_width(cell) <= t.column("cause").width
        assert (cell == "-") is (cause.name == "unknown")


def test_sorting_by_cause_groups_it() -> None:
    rows = [
        make_row(pid=1, causes_total={"cow": 6, "huge": 4}),
        make_row(pid=2, causes_total={"stack": 1}),
        make_row(pid=3, causes_total={"cow": 9, "huge": 1}),
        make_row(pid=4),
    ]
    assert order(rows, "cause") == [3, 1, 2, 4]
    assert order(rows, "cause", reverse=True) == [2, 1, 3, 4]


def test_rates_are_per_second() -> None:
    row = make_row(minor=90, stall_ns=6_000_000)
    assert t.column("min").text(row, 3 * SECOND_NS) == "30"
    assert t.column("stall").text(row, 3 * SECOND_NS) == "2.0"
    assert t.column("min").text(row, 0) == "-"


NUMBER = st.integers(0, 2**63)


@given(NUMBER, NUMBER, NUMBER, st.integers(1, 2**22), st.integers(10**8, 6 * 10**10))
def test_every_number_fits_its_column(n: int, stall_ns: int, max_ns: int, pid: int, interval_ns: int) -> None:
    row = make_row(
        pid=pid,
        minor=n,
        major=n,
        invalid=n,
        stall_ns=stall_ns,
        rss_bytes=n,
        latency_total=make_latency(p50_ns=n, p99_ns=stall_ns, max_ns=max_ns),
    )
    for column in t.COLUMNS:
        if column.key not in ("user", "command"):
            assert cell_width(column.text(row, interval_ns)) <= column.width, column.key


def test_folding_at_the_usual_widths() -> None:
    assert titles(200) == [column.title for column in t.COLUMNS]
    assert titles(80) == IN_80
    left = 80 - cells(t.fold(t.COLUMNS, 80)[:-1]) - 1
    assert left >= 18
    assert titles(59) == NARROWEST
    assert titles(1) == NARROWEST
    assert "TREND" not in titles(75)
    assert "USER" not in titles(64)
    assert "CAUSE" in titles(100)
    assert "CAUSE" not in titles(90)


@pytest.mark.parametrize("width", [20, 50, 60, 80, 100, 200])
@pytest.mark.parametrize("key", KEYS)
def test_the_sorted_column_never_folds(key: str, width: int) -> None:
    assert t.column(key) in t.fold(t.COLUMNS, width, keep=key)


@given(st.integers(0, 300), st.sampled_from([None, *KEYS]))
def test_folded_columns_fit_and_keep_their_order(width: int, keep: str | None) -> None:
    kept = t.fold(t.COLUMNS, width, keep=keep)
    assert [column for column in t.COLUMNS if column in kept] == list(kept)
    assert kept[-1].key == "command"
    assert cells(kept) <= width or all(column.drop == 0 or column.key == keep for column in kept)
    wider = t.fold(t.COLUMNS, width + 1, keep=keep)
    assert set(kept) <= set(wider)


def test_finding_columns() -> None:
    assert t.column("maj").title == "MAJ/s"
    with pytest.raises(KeyError):
        t.column("MAJ/s")
    for column in t.COLUMNS:
        assert t.find_column(column.title.lower()) is column
        assert t.find_column(f" {column.key.upper()} ") is column
    for said, key in (("majors", "maj"), ("minor/s", "min"), ("cmd", "command"), ("stall%", "wall")):
        assert t.find_column(said) is t.column(key)
    assert t.find_column("nonsense") is None


def test_the_default_sort_is_what_the_plan_can_tell() -> None:
    assert t.default_sort(FEATURES["perf"]) == t.DEFAULT_SORT == "stall"
    assert t.default_sort(FEATURES["proc"]) == "min"


def test_numbers_start_with_the_largest_and_names_with_a() -> None:
    rows = [make_row(pid=pid, minor=pid * 10, command=name) for pid, name in ((1, "b"), (2, "C"), (3, "a"))]
    assert order(rows, "min") == [3, 2, 1]
    assert order(rows, "min", reverse=True) == [1, 2, 3]
    assert order(rows, "command") == [3, 1, 2]
    assert order(rows, "command", reverse=True) == [2, 1, 3]
    assert order(rows, "pid") == [1, 2, 3]


@pytest.mark.parametrize("reverse", [False, True])
def test_what_is_not_known_comes_last_either_way(reverse: bool) -> None:
    rows = [make_row(pid=1, stall_ns=None), make_row(pid=2, stall_ns=0), make_row(pid=3, stall_ns=9)]
    assert order(rows, "stall", reverse)[-1] == 1
    unnamed = [make_row(pid=1, user="-"), make_row(pid=2, user="zoe")]
    assert order(unnamed, "user", reverse) == [2, 1]


def test_every_column_sorts() -> None:
    rows = [
        make_row(
            pid=pid,
            user=f"u{pid}",
            command=f"c{pid}",
            minor=pid,
            major=pid,
            invalid=pid,
            stall_ns=pid,
            rss_bytes=pid,
            trend=(float(pid),),
            causes_total={"cow": 10 - pid, "huge": pid} if pid < 3 else {"stack": 1},
            latency_total=make_latency(p50_ns=pid, p99_ns=pid, max_ns=pid),
        )
        for pid in (2, 1, 3)
    ]
    for column in t.COLUMNS:
        assert order(rows, column.key) == ([3, 2, 1] if column.descending else [1, 2, 3]), column.key
    with pytest.raises(KeyError):
        order(rows, "nonsense")


@pytest.mark.parametrize("reverse", [False, True])
def test_equal_rows_keep_their_places_whatever_order_they_come_in(reverse: bool) -> None:
    idle = {"minor": 0, "major": 0, "stall_ns": 0}
    rows = [
        make_row(pid=1, **idle, stall_total_ns=5),
        make_row(pid=2, **idle, stall_total_ns=9),
        make_row(pid=3, **idle, stall_total_ns=5, minor_total=10_000),
        make_row(pid=5, **idle, stall_total_ns=None),
        make_row(pid=4, **idle, stall_total_ns=None, failed_total=None),
    ]
    for seed in range(10):
        random.Random(seed).shuffle(rows)
        assert order(rows, "stall", reverse) == [2, 3, 1, 4, 5]


def test_two_processes_of_one_pid_are_two_rows() -> None:
    first = make_row(pid=7, exited=True)
    second = replace(make_row(pid=7), key=ProcessKey(7, 99))
    assert t.select([first, second], ALL, "stall", False, SECOND_NS) == [second, first]


def test_rows_that_do_not_match_are_left_out() -> None:
    rows = [make_row(pid=1), make_row(pid=2, comm="redis", command="redis-server")]
    assert [row.pid for row in t.select(rows, parse("redis"), "stall", False, SECOND_NS)] == [2]
    assert rows[0].info == ProcessInfo(Safe("postgres"), Safe("postgres: writer"), 64 << 20)
