"""Owns what stands on the terminal: of a frame only what differs from it is sent.

textual sends whole lines, and at every change of screens all of them, each text with its colours: 20 to 40 KB. A
terminal takes its time over that, a slow line more, and while the CPUs are busy most of a key's answer is just this.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

from pftop.ui.sgr import Writer

FRESH_S = 60.0
"""How long a whole frame is drawn by difference: what others wrote over the screen must go some time."""

Shown = dict[int, Segment]
"""The texts of a line by the column they begin at; none overlaps another."""


class Difference(CompositorUpdate):
    """Runs of segments, each with the place it begins at."""

    def __init__(self, runs: list[tuple[int, int, list[Segment]]]) -> None:
        self._runs = runs

    def render_segments(self, console: Console) -> str:
        """The bytes for the terminal."""
        writer = Writer(console._color_system or ColorSystem.TRUECOLOR)
        for x, y, segments in self._runs:
            writer.go(x, y)
            writer.write(segments)
        return writer.text()


class Glass:
    """Remembers what was sent."""

    def __init__(self) -> None:
        self._lines: dict[int, Shown] = {}
        self._whole_at = 0.0

    def forget(self) -> None:
        """Know nothing of what stands on the terminal: the next whole frame is sent as it is."""
        self._lines.clear()

    def reduce(self, update: CompositorUpdate) -> CompositorUpdate | None:
        """What of a frame has to be sent; None for nothing."""
        if isinstance(update, LayoutUpdate):
            now = time.monotonic()
            if now - self._whole_at > FRESH_S:
                self.forget()
            if not self._lines:
                self._whole_at = now
        elif not isinstance(update, ChopsUpdate):
            self.forget()
            return update
        runs: list[tuple[int, int, list[Segment]]] = []
        for y, pieces in _pieces(update):
            self._reduce_line(y, pieces, runs)
        return Difference(runs) if runs else None

    def _reduce_line(
        self, y: int, pieces: Iterable[tuple[int, Strip]], runs: list[tuple[int, int, list[Segment]]]
    ) -> None:
        """Add the runs of a line that differ from what it shows."""
        shown = self._lines.get(y, {})
        drawn: Shown = {}
        end = -1
        spans: list[tuple[int, int]] = []
        for begin, strip in pieces:
            x = begin
            for segment in strip:
                if not segment.text:
                    continue
                if shown.get(x) != segment:
                    if end != x:
                        runs.append((x, y, []))
                    runs[-1][2].append(segment)
                    end = x + segment.cell_length
                drawn[x] = segment
                x += segment.cell_length
            spans.append((begin, x))
        for x, segment in shown.items():
            last = x + segment.cell_length
            if all(last <= begin or x >= stop for begin, stop in spans):
                drawn[x] = segment
        self._lines[y] = drawn


def _pieces(update: LayoutUpdate | ChopsUpdate) -> Iterator[tuple[int, Iterable[tuple[int, Strip]]]]:
    """The lines of a frame, each as strips with the columns they begin at."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            yield y, _placed(strips, update.region.x)
    else:
        for y in sorted({y for y, _, _ in update.spans}):
            spans = [(begin, end) for line, begin, end in update.spans if line == y]
            yield y, _within(update.chops[y], spans)


def _placed(strips: Iterable[Strip], x: int) -> Iterator[tuple[int, Strip]]:
    """Strips that stand side by side."""
    for strip in strips:
        yield x, strip
        x += strip.cell_length


def _within(chops: Mapping[int, Strip | None], spans: list[tuple[int, int]]) -> Iterator[tuple[int, Strip]]:
    """The strips of a line that one of the spans touches."""
    for x, strip in chops.items():
        if strip is not None and any(x < end and x + strip.cell_length > begin for begin, end in spans):
            yield x, strip
