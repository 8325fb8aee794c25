"""Owns the styles that lines are painted in: an ink (what a text means) on a ground (where it stands)."""

from __future__ import annotations

from collections.abc import Mapping

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color

_BOLD = frozenset({"strong", "title", "bad", "burning", "invalid", "on-alert", "on-notice", "key"})
_FAINT = frozenset({"dim", "rule", "label", "exited"})
# Inks that are another ink's colour with a weight of their own.
_ALIASES = {"title": "accent", "key": "accent"}
_GROUND_INKS = {"alert": "on-alert", "notice": "on-notice"}


class Palette:
    """Rich styles by ink and ground, from a theme's ``pf-*`` variables; built anew when the theme changes.

    Not textual's component classes: they are kept per widget and looked up through the style sheet, which
    for two dozen inks and eight widgets costs a good part of the time to the first frame.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._styles: dict[tuple[str, str], Style] = {}
        ours = [value for name, value in variables.items() if name.startswith("pf-")]
        self.true_colours = not any(value == "flat" or value.startswith("ansi_") for value in ours)
        """Whether no colour is left for the terminal to choose."""

    def style(self, ink: str, ground: str = "base") -> Style:
        """The style of a text in ``ink`` on ``ground``."""
        key = (ink, ground)
        found = self._styles.get(key)
        if found is None:
            found = self._styles[key] = self._make(ink, ground)
        return found

    def _make(self, ink: str, ground: str) -> Style:
        """Compose one style."""
        back = self._variables[f"pf-{ground}"]
        bold = True if ink in _BOLD else None
        if back == "flat":
            # The terminal's own colours are unknown, so nothing but their reverse is sure to be legible.
            underlined = ground in ("head", "cursor-away")
            return Style(reverse=not underlined, underline=underlined, bold=bold)
        ink = _GROUND_INKS.get(ground, ink)
        name = _ALIASES.get(ink, ink)
        front = self._variables.get(f"pf-{name}-on-{ground}") or self._variables[f"pf-{name}"]
        # Without a colour of its own to stand back by, such an ink has only the attribute.
        faint = True if ink in _FAINT and front == "ansi_default" else None
        return Style(color=_rich(front), bgcolor=_rich(back), bold=bold, dim=faint)


def _rich(colour: str) -> RichColor:
    """A colour of a theme as rich has it."""
    return Color.parse(colour).rich_color
