"""Owns which panes a terminal of a given size gets, and how large they are; imports nothing that draws."""

from __future__ import annotations

from dataclasses import dataclass

TINY_WIDTH, TINY_HEIGHT = 60, 15
TALL_HEIGHT = 32
SIDE_FROM = 160
MAIN_LEAST, SIDE_LEAST, SIDE_MOST = 120, 40, 80


@dataclass(frozen=True, slots=True)
class Layout:
    """Lines and cells of the main screen's panes; 0 is not shown."""

    header: int
    log: int
    """With its title."""
    footer: int
    side: int
    """Cells."""


def main_layout(width: int, height: int, *, log: bool) -> Layout:
    """The main screen for a terminal of this size."""
    if width < TINY_WIDTH or height < TINY_HEIGHT:
        return Layout(header=1, log=0, footer=0, side=0)
    side = 0
    if width >= SIDE_FROM and height >= 20:
        side = max(min(width - MAIN_LEAST - 4, SIDE_MOST), SIDE_LEAST)
    if height < 20:
        header, lines = 2, 4
    elif height < TALL_HEIGHT:
        header, lines = 3, 8
    else:
        header, lines = 4, max(9, height * 3 // 10)
    return Layout(header=header, log=lines if log else 0, footer=1, side=side)


@dataclass(frozen=True, slots=True)
class DetailLayout:
    """The drill-down's panes."""

    identity: int
    """Lines of who it is."""
    tabs: bool
    """One of latency, mappings, causes and events at a time, for want of room."""
    beside: bool
    """Mappings and causes beside the histogram rather than in its place."""
    log: int
    footer: int


def detail_layout(width: int, height: int) -> DetailLayout:
    """The drill-down for a terminal of this size."""
    if width < TINY_WIDTH or height < TINY_HEIGHT:
        return DetailLayout(identity=1, tabs=True, beside=False, log=0, footer=0)
    beside = width >= MAIN_LEAST and height >= 24
    # Where the causes have a pane of their own they need no line here.
    identity = (5 if height < TALL_HEIGHT else 7) - beside
    log = 3 if height < 20 else 5 if height < 26 else max(8, height * 3 // 10)
    return DetailLayout(identity=identity, tabs=not beside, beside=beside, log=log, footer=1)
