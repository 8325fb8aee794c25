"""Owns small pictures made of characters: a graph several lines high, a two-part bar, and binning for both."""

from __future__ import annotations

import math
from collections.abc import Sequence

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_EIGHTHS_ASCII = " .:-=+*#@"
MINOR_BAR, MAJOR_BAR = "█", "▒"
MINOR_BAR_ASCII, MAJOR_BAR_ASCII = "#", "M"


def binned(values: Sequence[float], width: int, phase: int, capacity: int) -> list[float]:
    """At most ``width`` values, each the largest of its bin, such that ``capacity`` values would fit.

    ``phase`` counts the values ever seen: by it the bins stand still against the values as new ones come
    in, so the graph moves and does not shimmer.
    """
    if width <= 0:
        return []
    per_bin = max(math.ceil(capacity / width), 1)
    bins: list[float] = []
    end = len(values)
    start = end - (phase % per_bin + 1)
    while end > 0 and len(bins) < width:
        bins.append(max(values[max(start, 0) : end]))
        start, end = start - per_bin, start
    return bins[::-1]


def columns(values: Sequence[float], width: int, height: int, *, ascii: bool) -> list[str]:
    """A graph of ``height`` lines, top first, newest at the right, scaled to its largest value."""
    marks = _EIGHTHS_ASCII if ascii else _EIGHTHS
    window = values[-width:] if width > 0 else ()
    top = max(window, default=0.0)
    levels = [math.ceil(value / top * 8 * height) if value > 0 and top > 0 else 0 for value in window]
    return [
        "".join(marks[max(min(level - 8 * line, 8), 0)] for level in levels).rjust(width)
        for line in range(height - 1, -1, -1)
    ]


def parts(minor: int, major: int, length: float) -> tuple[int, int]:
    """Cells of a bar ``length`` long that are minor's and major's; whatever is not 0 is seen."""
    total = minor + major
    if not total or length <= 0:
        return 0, 0
    cells = max(round(length), 1)
    if not major or not minor:
        return (cells, 0) if minor else (0, cells)
    cells = max(cells, 2)
    of_major = min(max(round(cells * major / total), 1), cells - 1)
    return cells - of_major, of_major


def bar_ratio(value: int, top: int, *, linear: bool) -> float:
    """How long a bar is, 0 to 1, on a linear or a logarithmic scale."""
    if value <= 0 or top <= 0:
        return 0.0
    return value / top if linear else math.log1p(value) / math.log1p(top)
