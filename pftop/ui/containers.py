"""Owns the containers of panes: nothing of them is ever seen, so they take no time to draw."""

from __future__ import annotations

from textual import containers


class Horizontal(containers.Horizontal):
    """Panes side by side."""

    BLANK = True


class Vertical(containers.Vertical):
    """Panes one over the other."""

    BLANK = True
