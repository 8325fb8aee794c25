"""Owns ``Canvas``, the widget everything of pftop's is drawn on: lines of painted text, refreshed by difference.

Nothing that is shown passes through a parser of markup: a text becomes a ``Segment`` and stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from textual import events
from textual.filter import ANSIToTruecolor
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from pftop.text import ELLIPSIS, cell_width, fit
from pftop.ui.palette import Palette

Line = list[Segment]
ASCII_ELLIPSIS = "~"
_BLANK: Line = []


class Pen:
    """Writes one line from left to right, in inks on one ground."""

    def __init__(self, palette: Palette, ground: str = "base") -> None:
        self._palette = palette
        self.ground = ground
        self.line: Line = []
        self.width = 0

    def write(self, text: str, ink: str = "text", ground: str | None = None) -> Pen:
        """Append text."""
        if text:
            style = self._palette.style(ink, ground or self.ground)
            if self.line and self.line[-1].style is style:
                # Every segment costs on its way through textual; neighbours in one style are one.
                text_before = self.line.pop().text
                self.line.append(Segment(text_before + text, style))
            else:
                self.line.append(Segment(text, style))
            self.width += cell_width(text)
        return self

    def extend(self, pieces: Iterable[tuple[str, str]]) -> Pen:
        """Append (text, ink) pairs."""
        for text, ink in pieces:
            self.write(text, ink)
        return self

    def cut(self, width: int) -> Pen:
        """End the line at a width, with "…" where there was more."""
        if self.width <= width:
            return self
        text, style = "", None
        while self.line and self.width >= width:
            text, style, _ = self.line.pop()
            self.width -= cell_width(text)
        self.line.append(Segment(fit(text + ELLIPSIS, width - self.width), style))
        self.width = width
        return self

    def to(self, column: int, fill: str = " ", ink: str = "text") -> Pen:
        """Fill up to a column."""
        return self.write(fill * (column - self.width), ink)


class Canvas(Widget):
    """A widget that paints its lines when told to, and has only those sent out that came out differently."""

    ALLOW_SELECT = False
    GROUND = "base"
    """What lines that end early are filled with."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._lines: Sequence[Line] = ()
        self._strips: dict[int, Strip] = {}
        """The lines as textual wants them, by their number."""
        self._painted_width = 0
        self.painted_lines = 0
        """Lines painted since the start, for tests of what a refresh costs."""

    def paint(self, width: int, height: int) -> Sequence[Line]:
        """The lines to show; may be fewer than ``height``."""
        raise NotImplementedError

    @property
    def palette(self) -> Palette:
        """The styles of the theme in use."""
        palette: Palette = self.app.palette  # type: ignore[attr-defined]
        return palette

    @property
    def ascii(self) -> bool:
        """Whether drawing characters must be ASCII."""
        plain: bool = self.app.options.ascii  # type: ignore[attr-defined]
        return plain

    def pen(self, ground: str | None = None) -> Pen:
        """A pen for a new line."""
        return Pen(self.palette, ground or self.GROUND)

    def repaint(self) -> None:
        """Paint anew, and refresh the lines that changed."""
        width, height = self.size
        if not width or not height or not self.is_attached or not self.display:
            return
        before, same_width = self._lines, width == self._painted_width
        self._lines = self.paint(width, height)[:height]
        self._painted_width = width
        self.painted_lines += len(self._lines)
        changed = [
            y for y in range(height) if not same_width or self._line_of(before, y) != self._line_of(self._lines, y)
        ]
        if changed:
            for y in changed:
                self._strips.pop(y, None)
            self.refresh(*[Region(0, y, width, 1) for y in changed])

    def render_lines(self, crop: Region) -> list[Strip]:
        """Lines as they were painted. textual would style each once more, and keep it in a cache of its own."""
        width = self.size.width
        strips = [self._strip(y, width) for y in crop.line_range]
        for line_filter in self.get_line_filters():
            if isinstance(line_filter, ANSIToTruecolor) and self.palette.true_colours:
                continue
            background = self.background_colors[1]
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        if crop.column_span != (0, width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _strip(self, y: int, width: int) -> Strip:
        """One line; the same object as long as it is the same line, for what textual remembers of it."""
        strip = self._strips.get(y)
        if strip is None or strip.cell_length != width:
            strip = self._strips[y] = self.render_line(y, width)
        return strip

    def render_line(self, y: int, width: int | None = None) -> Strip:
        """One line as textual wants it."""
        width = self.size.width if width is None else width
        line = self._line_of(self._lines, y)
        if self.ascii:
            line = [Segment(text.replace(ELLIPSIS, ASCII_ELLIPSIS), style) for text, style, _ in line]
        return Strip(line).adjust_cell_length(width, self.palette.style("text", self.GROUND))

    def on_resize(self, event: events.Resize) -> None:
        """Paint for the new size."""
        self.resized()

    def resized(self) -> None:
        """Find a place in the new size, and paint."""
        self.repaint()

    @staticmethod
    def _line_of(lines: Sequence[Line], y: int) -> Line:
        return lines[y] if y < len(lines) else _BLANK


def tail(text: str, width: int) -> str:
    """A text in ``width`` cells, cut on the left: of a path the end tells more than the beginning."""
    if width <= 0:
        return ""
    if cell_width(text) <= width:
        return fit(text, width)
    cut = text[-(width - 1) :] if width > 1 else ""
    while cell_width(cut) > width - 1:
        cut = cut[1:]
    return fit(ELLIPSIS + cut, width)
