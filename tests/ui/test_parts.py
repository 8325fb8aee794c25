"""The parts that need no running app: themes and contrast, layout, graphs, the terminal's answers, the store."""

from __future__ import annotations

import subprocess
import sys

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from pftop.causes import CAUSES
from pftop.events import ProcessKey
from pftop.model import table
from pftop.model.snapshot import Ledger, Update
from pftop.options import Options
from pftop.text import cell_width
from pftop.ui import themes
from pftop.ui.canvas import tail
from pftop.ui.detail_screen import DetailScreen
from pftop.ui.facts import Standing, trust
from pftop.ui.footer import Footer, hints
from pftop.ui.graph import bar_ratio, binned, columns, parts
from pftop.ui.help_screen import MARKS, help_lines
from pftop.ui.layout import detail_layout, main_layout
from pftop.ui.main_screen import MainScreen
from pftop.ui.palette import Palette
from pftop.ui.prompting import read_delay
from pftop.ui.store import Store
from pftop.ui.terminal import light_reply
from pftop.ui.text_rows import wrap
from tests.factories import make_line, make_plan
from tests.ui.driving import running
from tests.ui.fake_feed import Machine

GROUNDS = ("base", "panel", "head", "cursor", "cursor-away")
NOT_TEXT = ("alert", "notice", "on-alert", "on-notice", "rule", "graph", "graph-stall")
TEXT_INKS = tuple(
    ink
    for ink in themes.COLOURS[themes.DARK]
    if "-on-" not in ink
    and ink not in (*GROUNDS, "alert", "notice", "on-alert", "on-notice", "rule", "graph", "graph-stall")
)


def contrast(front: str, back: str) -> float:
    """The WCAG contrast of two colours."""
    light, dark = sorted((Color.parse(front), Color.parse(back)), key=_luminance, reverse=True)
    return (_luminance(light) + 0.05) / (_luminance(dark) + 0.05)


def _luminance(color: Color) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = color.normalized
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)


@pytest.mark.parametrize("theme", [themes.DARK, themes.LIGHT])
@pytest.mark.parametrize("ground", GROUNDS)
def test_every_ink_can_be_read_on_every_ground(theme: str, ground: str) -> None:
    colours = themes.COLOURS[theme]
    fronts = {ink: colours.get(f"{ink}-on-{ground}", colours[ink]) for ink in TEXT_INKS}
    poor = {ink: round(contrast(front, colours[ground]), 2) for ink, front in fronts.items()}
    assert not {ink: value for ink, value in poor.items() if value < 4.5}


@pytest.mark.parametrize("theme", [themes.DARK, themes.LIGHT])
def test_alarms_can_be_read(theme: str) -> None:
    colours = themes.COLOURS[theme]
    assert contrast(colours["on-alert"], colours["alert"]) >= 4.5
    assert contrast(colours["on-notice"], colours["notice"]) >= 4.5


@pytest.mark.parametrize("theme", [themes.DARK, themes.LIGHT])
def test_colours_are_of_the_256_that_every_terminal_has(theme: str) -> None:
    steps = {0, 0x5F, 0x87, 0xAF, 0xD7, 0xFF}
    greys = {8 + 10 * n for n in range(24)}
    for name, value in themes.COLOURS[theme].items():
        red, green, blue = Color.parse(value).rgb
        grey = red == green == blue and red in greys
        assert grey or {red, green, blue} <= steps, name


def test_theme_names_are_textuals_and_ours_and_cost_no_textual() -> None:
    assert set(themes.BUILTIN) == set(BUILTIN_THEMES)
    assert themes.theme_names()[:3] == ["pftop-dark", "pftop-light", "pftop-ansi"]
    code = "import sys, pftop.ui.themes as t; t.theme_names(); print('textual' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


@pytest.mark.parametrize("name", sorted(BUILTIN_THEMES))
def test_textuals_themes_have_all_inks(name: str) -> None:
    palette = Palette(themes.variables_of(BUILTIN_THEMES[name]))
    for ink in (*TEXT_INKS, "title", "key", "rule", "graph", "graph-stall"):
        for ground in (*GROUNDS, "alert", "notice"):
            palette.style(ink, ground)


@pytest.mark.parametrize("name", ["pftop-light", "pftop-ansi", "ansi-light", "dracula"])
async def test_themes_run(name: str) -> None:
    async with running(options=Options(theme=name), lines=3) as driver:
        assert driver.app.theme == name
        assert "postgres" in driver.text


@pytest.mark.parametrize("wish", ["--color", "NO_COLOR"])
async def test_no_colour_means_none_at_all(wish: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1" if wish == "NO_COLOR" else "")
    async with running(options=Options(color="never" if wish == "--color" else "auto"), lines=9) as driver:
        for keys in ((), ("s",), ("escape", "slash"), ("escape", "enter")):
            await driver.press(*keys)
            for strip in driver.app.screen._compositor.render_strips():
                for segment in strip:
                    style = segment.style
                    assert style is None or style.color is None or style.color.is_default
                    assert style is None or style.bgcolor is None or style.bgcolor.is_default
        cursor = driver.app.palette.style("text", "cursor")
        assert cursor.reverse


@pytest.mark.parametrize(
    ("reply", "light"),
    [
        (b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62c", True),
        (b"\x1b]11;rgb:fd/f6/e3\x07", True),
        (b"\x1b]11;rgba:1212/1212/1212/ffff\x1b\\", False),
        (b"\x1b[?62;22c", False),
        (b"", False),
        (b"\x1b]11;rgb:zz/zz/zz\x07", False),
    ],
)
def test_a_terminal_says_whether_it_is_light(reply: bytes, light: bool) -> None:
    assert light_reply(reply) is light


def test_layout_folds_by_size_and_never_takes_more_than_there_is() -> None:
    for width in range(1, 260, 7):
        for height in range(1, 80):
            layout = main_layout(width, height, log=True)
            assert layout.header >= 1
            if height >= 15:
                assert layout.header + layout.log + layout.footer <= height - 3
            assert layout.side == 0 or width - layout.side >= 116
            detail = detail_layout(width, height)
            if height >= 15:
                assert detail.identity + detail.tabs + detail.log + detail.footer <= height - 4
    assert main_layout(80, 24, log=True).log == 8
    assert main_layout(59, 24, log=True).log == 0
    assert main_layout(200, 50, log=False).log == 0


def test_footers_fit_eighty_columns_and_end_with_quit() -> None:
    for screen in (MainScreen, DetailScreen):
        footer = Footer(hints(screen.BINDINGS))
        for width in (20, 40, 80, 120):
            fitting = footer.fitting(width)
            assert fitting[-1].word == "Quit"
            assert width < 40 or sum(hint.width + 2 for hint in fitting) <= width + 1


def test_help_comes_from_the_columns_and_the_bindings() -> None:
    text = "\n".join("".join(part for part, _ in line) for line in help_lines(100))
    words = " ".join(text.split())
    for column in table.COLUMNS:
        assert column.title in text
        assert " ".join(column.describe.split()) in words
    for hint in hints(MainScreen.BINDINGS):
        assert hint.key in text


def test_help_sets_every_sign_off_from_its_meaning() -> None:
    text = ["".join(part for part, _ in line) for line in help_lines(100)]
    signs = text[text.index("Signs") :]
    for sign, meaning in MARKS:
        start = next(line for line in signs if line.startswith(f"  {sign}"))
        rest = start[2 + len(sign) :]
        assert not rest or rest.startswith(" ")
        assert meaning.split()[0] in " ".join(signs)


@pytest.mark.parametrize("width", [40, 78, 110])
def test_help_gives_both_names_of_every_cause(width: int) -> None:
    text = ["".join(part for part, _ in line) for line in help_lines(width)]
    for cause in CAUSES:
        line = next(line for line in text if line.startswith(f"  {cause.name} "))
        names = line[:22].split()
        assert names == [cause.name] + ([cause.short] if cause.short != cause.name else [])
        assert cause.meaning.split()[0] in line


def test_bins_stand_still_while_values_come_in() -> None:
    values = [float(n * 7 % 31) for n in range(300)]
    for seq in range(130, 160):
        first = binned(values[seq - 120 : seq], 50, seq, 120)
        second = binned(values[seq - 119 : seq + 1], 50, seq + 1, 120)
        inner = first[3:-3]
        assert any(second[at : at + len(inner)] == inner for at in range(6))
    assert binned(values[:10], 50, 10, 50) == values[:10]
    assert binned(values, 0, 1, 120) == []
    assert binned([], 10, 1, 120) == []


def test_graph_is_as_high_as_asked_and_scaled_to_its_top() -> None:
    lines = columns([0.0, 1.0, 2.0, 4.0], 6, 2, ascii=False)
    assert lines == ["     █", "   ▄██"]
    assert all(line.isascii() for line in columns([1.0, 2.0], 4, 3, ascii=True))
    assert columns([], 3, 2, ascii=False) == ["   ", "   "]


def test_bars_show_whatever_is_not_nothing() -> None:
    assert parts(0, 0, 10) == (0, 0)
    assert parts(1_000_000, 1, 20) == (19, 1)
    assert parts(0, 1, 0.01) == (0, 1)
    assert parts(5, 5, 10) == (5, 5)
    assert bar_ratio(10, 10, linear=False) == bar_ratio(10, 10, linear=True) == 1.0
    assert bar_ratio(1, 1_000_000, linear=False) > bar_ratio(1, 1_000_000, linear=True)


def test_paths_lose_their_beginning() -> None:
    assert tail("/usr/lib/libc.so.6", 10) == "…" + "/usr/lib/libc.so.6"[-9:]
    assert len(tail("abc", 10)) == 10
    assert tail("abc", 0) == ""


@pytest.mark.parametrize(
    "text", ["one two three four five", "日本語 プロセス です", "x日本語プロセス" * 4, "a-b é…é e\u0301 日"]
)
@pytest.mark.parametrize("width", [3, 7, 8, 20])
def test_wrapped_lines_have_the_width_in_cells_and_lose_nothing(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert max(map(cell_width, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_delay_reads_seconds() -> None:
    assert read_delay(" 2.5s ") == 2.5
    assert [read_delay(text) for text in ("", "x", "0.05", "60.1", "inf", "-1")] == [None] * 6


def test_the_store_keeps_a_process_apart_and_forgets_the_rest() -> None:
    store = Store()
    quiet = make_line(pid=7)
    store.take(Update(lines=(quiet,)))
    store.keep_for(ProcessKey(7, 1_000_007))
    store.take(Update(lines=tuple(make_line(pid=8) for _ in range(6_000))))
    assert quiet not in store.lines
    assert store.kept_since(0) == [(0, quiet)]
    assert [number for number, _ in store.since(5_999)] == [5_999, 6_000]
    store.keep_for(None)
    assert store.kept_since(0) == []


def test_sums_are_in_doubt_only_where_the_plan_gives_them() -> None:
    off = Ledger(seen_off=19_500, log_off=0, slack=2)

    def doubts(name: str) -> list[str]:
        pieces = trust(Machine(plan=make_plan(name)).tick(ledger=off), Standing(), 120)
        return [text for piece in pieces if piece.urgent for text, _ in piece.texts]

    assert doubts("proc") == []
    assert doubts("perf") == [" SUMS OFF BY 19.5k "]
