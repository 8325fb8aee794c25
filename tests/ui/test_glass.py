"""What is sent by difference looks the same as what textual would have sent, on an emulated terminal."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pyte
import pytest
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from pftop.ui import glass
from pftop.ui.glass import Glass

WIDTH, HEIGHT, FRAMES = 40, 8, 150
LOOKS: list[dict[str, Any]] = [
    {},
    dict(color="#aabbcc", bgcolor="#101010"),
    dict(color="#ff0000", bgcolor="#101010", bold=True),
    dict(color="#00ff00", bgcolor="#303030"),
    dict(bgcolor="#303030"),
    dict(color="red"),
    dict(reverse=True),
    dict(underline=True, bold=True),
    dict(color="default", bgcolor="default", dim=True),
]
WORDS = ["", " ", "   ", "a", "postgres", "12.4k", "│", "日本", "▁▂▃"]


class Screens:
    """The same frames on two terminals: as they are, and by difference."""

    def __init__(self, colours: str) -> None:
        self.console = Console(color_system=colours, force_terminal=True)  # type: ignore[arg-type]
        self.glass = Glass()
        self.plain, self.saving = pyte.Screen(WIDTH, HEIGHT), pyte.Screen(WIDTH, HEIGHT)
        self.sent = self.whole = 0

    def show(self, update: CompositorUpdate) -> None:
        """One frame."""
        whole = update.render_segments(self.console)
        pyte.Stream(self.plain).feed(whole)
        less = self.glass.reduce(update)
        text = less.render_segments(self.console) if less is not None else ""
        pyte.Stream(self.saving).feed(text)
        self.sent += len(text)
        self.whole += len(whole)
        assert seen(self.saving) == seen(self.plain)


def seen(screen: pyte.Screen) -> list[list[tuple[object, ...]]]:
    """What one sees of each cell: of a blank only its ground."""
    cells = []
    for y in range(HEIGHT):
        line = [screen.buffer[y][x] for x in range(WIDTH)]
        cells.append(
            [
                (c.data, c.bg, c.reverse, c.underscore)
                + ((c.fg, c.bold) if c.data.strip() or c.reverse or c.underscore else ())
                for c in line
            ]
        )
    return cells


def strip(pick: random.Random, width: int) -> Strip:
    """Random words in random styles; new ones, for a style keeps its codes for the first colours it is asked for."""
    segments = [Segment(pick.choice(WORDS), Style(**pick.choice(LOOKS))) for _ in range(pick.randrange(8))]
    return Strip(segments).adjust_cell_length(width, Style(**pick.choice(LOOKS)))


def frame(pick: random.Random, lines: list[list[Strip]], cuts: list[int]) -> CompositorUpdate:
    """Some lines changed, or some of their parts, or all."""
    spans: list[tuple[int, int, int]] = []
    chops: list[dict[int, Strip | None]] = [dict.fromkeys(cuts[:-1]) for _ in range(HEIGHT)]
    for y in sorted(pick.sample(range(HEIGHT), pick.randrange(1, HEIGHT))):
        at = pick.randrange(len(cuts) - 1)
        if pick.random() < 0.8:
            lines[y][at] = strip(pick, cuts[at + 1] - cuts[at])
        chops[y] = dict(zip(cuts, lines[y], strict=False))
        spans.append((y, cuts[at], cuts[at + 1]))
    if pick.random() < 0.3:
        return LayoutUpdate([list(line) for line in lines], Region(0, 0, WIDTH, HEIGHT))
    return ChopsUpdate(chops, spans, [cuts[1:]] * HEIGHT)


@pytest.mark.parametrize("colours", ["truecolor", "256", "standard"])
@pytest.mark.parametrize("seed", range(6))
def test_random_frames_look_the_same(colours: str, seed: int) -> None:
    pick, screens = random.Random(seed), Screens(colours)
    for _ in range(FRAMES // 15):
        cuts = sorted({0, WIDTH, *pick.sample(range(1, WIDTH), pick.randrange(3))})
        lines = [[strip(pick, end - begin) for begin, end in itertools.pairwise(cuts)] for _ in range(HEIGHT)]
        screens.show(LayoutUpdate([list(line) for line in lines], Region(0, 0, WIDTH, HEIGHT)))
        for _ in range(15):
            screens.show(frame(pick, lines, cuts))
    assert screens.sent < screens.whole * 0.6


def whole() -> LayoutUpdate:
    return LayoutUpdate([[Strip([Segment("x" * WIDTH)])] for _ in range(HEIGHT)], Region(0, 0, WIDTH, HEIGHT))


def test_what_stands_there_is_not_sent_again() -> None:
    here = Glass()
    assert here.reduce(whole()) is not None
    assert here.reduce(whole()) is None


def test_a_frame_is_sent_whole_once_in_a_while_and_when_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Glass()
    here.reduce(whole())
    here.forget()
    assert here.reduce(whole()) is not None
    monkeypatch.setattr(glass, "FRESH_S", -1.0)
    assert here.reduce(whole()) is not None
