"""Owns the choices a process table needs: which columns fit a width, and which rows show in what order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pftop.events import Features
from pftop.model.columns import COLUMNS, Column
from pftop.model.query import Query
from pftop.model.snapshot import ProcessRow

__all__ = [
    "COLUMNS",
    "DEFAULT_SORT",
    "NARROW_WIDTH",
    "SORT_KEYS",
    "Column",
    "column",
    "default_sort",
    "find_column",
    "fold",
    "select",
]

NARROW_WIDTH = 60
"""Cells below which only the columns that never fold are shown."""

DEFAULT_SORT = "stall"
SORT_KEYS: tuple[str, ...] = tuple(column.key for column in COLUMNS)

_BY_KEY = {column.key: column for column in COLUMNS}
_ALIASES = {
    "minor": "min",
    "minors": "min",
    "minflt": "min",
    "major": "maj",
    "majors": "maj",
    "majflt": "maj",
    "invalid": "inv",
    "segv": "inv",
    "stall%": "wall",
    "time": "stall",
    "median": "p50",
    "mem": "rss",
    "res": "rss",
    "comm": "command",
    "cmd": "command",
    "name": "command",
    "causes": "cause",
    "why": "cause",
}


def column(key: str) -> Column:
    """The column with this key; raises KeyError."""
    return _BY_KEY[key]


def find_column(text: str) -> Column | None:
    """The column a user means by a key, a title or a common name, in any case; None when there is none."""
    wanted = text.strip().casefold()
    for candidate in COLUMNS:
        if wanted in (candidate.key, candidate.title.casefold()):
            return candidate
    alias = _ALIASES.get(wanted.removesuffix("/s"))
    return None if alias is None else _BY_KEY[alias]


def default_sort(features: Features) -> str:
    """What the table is sorted by at first: stalled time, or minor faults where time is not known."""
    return DEFAULT_SORT if features.latency else "min"


def fold(columns: Sequence[Column], width: int, *, keep: str | None = None) -> tuple[Column, ...]:
    """The columns that fit into ``width`` cells with a blank between two, in their order.

    Columns with ``drop`` 0 and the one called ``keep`` always stay, even where they do not fit.
    """
    kept = list(columns)
    foldable = sorted((c for c in columns if c.drop and c.key != keep), key=lambda c: c.drop)
    while foldable and (width < NARROW_WIDTH or _cells(kept) > width):
        kept.remove(foldable.pop())
    return tuple(kept)


def select(rows: Sequence[ProcessRow], query: Query, sort: str, reverse: bool, interval_ns: int) -> list[ProcessRow]:
    """The rows that match, sorted by the column ``sort``; raises KeyError when there is none.

    Numbers start with the largest and names with "a"; ``reverse`` turns that round. Unknown values come last
    either way. Equal ones are ordered by what changes least, so that rows keep their places between ticks.
    """
    by = column(sort)
    keyed: list[tuple[Any, ProcessRow]] = []
    unknown: list[ProcessRow] = []
    matching = rows if query.empty else [row for row in rows if query.matches(row, interval_ns)]
    for row in sorted(matching, key=_tie_breaker):
        value = by.value(row, interval_ns)
        if value is None:
            unknown.append(row)
        else:
            keyed.append((value, row))
    keyed.sort(key=lambda pair: pair[0], reverse=by.descending != reverse)
    return [row for _, row in keyed] + unknown


def _cells(columns: Sequence[Column]) -> int:
    """Cells that columns take with a blank between two."""
    return sum(column.width for column in columns) + max(len(columns) - 1, 0)


def _tie_breaker(row: ProcessRow) -> tuple[int, int, int, int]:
    return (
        -(row.stall_total_ns or 0),
        -(row.minor_total + row.major_total + (row.failed_total or 0)),
        row.pid,
        row.key.start_ns,
    )
