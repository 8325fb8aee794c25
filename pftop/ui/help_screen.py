"""Owns the help: made of the columns and the bindings themselves, so that it cannot differ from them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from pftop.causes import CAUSES
from pftop.model import table
from pftop.ui.detail_screen import DetailScreen
from pftop.ui.footer import Footer, hints
from pftop.ui.keys import key_names
from pftop.ui.main_screen import MainScreen
from pftop.ui.rows import Rows
from pftop.ui.text_rows import TextLine, TextRows

_KEYS_WIDTH = 16
_TITLE_WIDTH = 10
_CAUSE_WIDTH, _SHORT_WIDTH = 13, 7
_READABLE = 110
"""Cells beyond which lines of prose are hard to follow."""
FILTER_EXAMPLES = (
    ("nginx", "the text in the name or the command line"),
    ("nginx|redis", "either"),
    ("!kworker", "not that"),
    ("/^pg_/", "a regular expression"),
    ("user:postgres", "an owner; also uid:0  pid:1,2  comm:x  cmd:x"),
    ("cause:cow,swap", "had a fault of such a cause since pftop started; the beginning of a name will do"),
    ("maj>0 p99>1ms", "numbers: min maj inv faults stall p50 p90 p99 max rss"),
)
MARKS = (
    ("MAJ min INV fail", "in the log: major, minor, answered by a signal, given up"),
    ("~cow 61%", "share among the faults whose cause is told: with the memcg and perf plans, the logged ones"),
    ("(4211)", "a process that has exited, and what it did"),
    ("*", "the command given after -- and its descendants"),
    (">", "the selected process"),
)


class HelpScreen(Screen[None]):
    """One list over everything; any of the usual keys leaves it."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,h,backspace", "dismiss", "Back", tooltip="Close the help"),
        Binding("f10,ctrl+c", "app.leave", "Quit", tooltip="Leave pftop"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.text = TextRows("pftop help", id="help")

    def open(self) -> None:
        """Begin at the beginning."""
        self.text.show(self.text.rows)

    def compose(self) -> ComposeResult:
        """The text and a footer."""
        yield self.text
        yield Footer(hints(self.BINDINGS), id="footer")

    def on_mount(self) -> None:
        """Focus."""
        self.set_focus(self.text)

    def on_resize(self, event: events.Resize) -> None:
        """Wrap for the width."""
        self.text.set_rows(help_lines(min(event.size.width - 2, _READABLE)))


def help_lines(width: int) -> list[TextLine]:
    """The whole help, wrapped."""
    lines: list[TextLine] = []
    lines += _section("Keys in the table", _keys(MainScreen.BINDINGS, width))
    lines += _section("Keys in every list", _keys(Rows.BINDINGS, width))
    lines += _section("Keys in the drill-down", _keys(DetailScreen.BINDINGS, width))
    lines += _section("Columns", _columns(width))
    lines += _section("Causes, and their names where there is little room", _causes(width))
    lines += _section("Filter", _pairs(FILTER_EXAMPLES, width))
    lines += _section("Signs", _pairs(MARKS, width))
    return lines


def _section(title: str, lines: Iterable[TextLine]) -> Iterator[TextLine]:
    """A heading and what stands under it."""
    yield ((title, "title"),)
    yield from lines
    yield ()


def _keys(bindings: Iterable[BindingType], width: int) -> Iterator[TextLine]:
    """Every key and what it does."""
    pairs = [(key_names(b.key), b.tooltip or b.description) for b in bindings if isinstance(b, Binding)]
    return _pairs(pairs, width)


def _pairs(pairs: Iterable[tuple[str, str]], width: int, keys: int = _KEYS_WIDTH) -> Iterator[TextLine]:
    """What, then its meaning, the meanings below each other and ``keys`` cells to the right."""
    for what, meaning in pairs:
        wrapped = textwrap.wrap(meaning, max(width - keys - 2, 20)) or [""]
        if len(what) >= keys:
            yield ((f"  {what}", "key"),)
            what = ""
        yield ((f"  {what:{keys}}", "key"), (wrapped[0], "text"))
        for more in wrapped[1:]:
            yield ((" " * (keys + 2) + more, "text"),)


def _causes(width: int) -> Iterator[TextLine]:
    """Every cause by both its names, where they differ."""
    names = ((f"{c.name:{_CAUSE_WIDTH}}" + (c.short if c.short != c.name else ""), c.meaning) for c in CAUSES)
    return _pairs(((both.rstrip(), meaning) for both, meaning in names), width, _CAUSE_WIDTH + _SHORT_WIDTH)


def _columns(width: int) -> Iterator[TextLine]:
    """Every column, in a few words and then in full."""
    for column in table.COLUMNS:
        yield ((f"  {column.title:{_TITLE_WIDTH}}", "key"), (column.help, "strong"))
        for line in textwrap.wrap(column.describe, max(width - _TITLE_WIDTH - 2, 20)):
            yield ((" " * (_TITLE_WIDTH + 2) + line, "text"),)
