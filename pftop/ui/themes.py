"""Owns the colour themes: pftop's own three, the names of all, and what textual's own mean for pftop's inks.

Importing this module does not import textual, so that the command line can check a name at no cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.theme import Theme

DARK, LIGHT, ANSI, MONO = "pftop-dark", "pftop-light", "pftop-ansi", "pftop-mono"

BUILTIN: tuple[str, ...] = (
    "ansi-dark",
    "ansi-light",
    "atom-one-dark",
    "atom-one-light",
    "catppuccin-frappe",
    "catppuccin-latte",
    "catppuccin-macchiato",
    "catppuccin-mocha",
    "dracula",
    "flexoki",
    "gruvbox",
    "monokai",
    "nord",
    "rose-pine",
    "rose-pine-dawn",
    "rose-pine-moon",
    "solarized-dark",
    "solarized-light",
    "textual-dark",
    "textual-light",
    "tokyo-night",
)
"""Textual's own themes; a test compares the list with textual's."""

# Every colour is one of the 256 that xterm fixed, so nothing shifts on a terminal without true colour,
# which is what sudo usually leaves of COLORTERM. Contrast is at least 4.5:1 on every ground it stands on.
COLOURS: Mapping[str, Mapping[str, str]] = {
    DARK: {
        "base": "#121212",
        "panel": "#1c1c1c",
        "cursor": "#005f5f",
        "cursor-away": "#303030",
        "head": "#262626",
        "alert": "#af0000",
        "notice": "#d7af00",
        "text": "#d0d0d0",
        "strong": "#ffffff",
        "dim": "#949494",
        "rule": "#4e4e4e",
        "label": "#9e9e9e",
        "accent": "#87afff",
        "minor": "#5fd7af",
        "graph": "#5f8787",
        "graph-stall": "#af875f",
        "major": "#ffaf00",
        "invalid": "#ff8787",
        "warm": "#d7d787",
        "hot": "#ffaf5f",
        "burning": "#ff8787",
        "exited": "#949494",
        "bad": "#ff8787",
        "good": "#87d787",
        "on-alert": "#ffffff",
        "on-notice": "#000000",
        "text-on-cursor": "#eeeeee",
        "dim-on-cursor": "#d0d0d0",
        "label-on-cursor": "#d0d0d0",
        "exited-on-cursor": "#d0d0d0",
        "graph-on-cursor": "#87d7d7",
        "accent-on-cursor": "#d7d7ff",
        "minor-on-cursor": "#87ffd7",
        "major-on-cursor": "#ffd75f",
        "invalid-on-cursor": "#ffd7d7",
        "warm-on-cursor": "#ffffaf",
        "hot-on-cursor": "#ffd787",
        "burning-on-cursor": "#ffd7d7",
        "bad-on-cursor": "#ffd7d7",
        "good-on-cursor": "#afffaf",
        "dim-on-cursor-away": "#a8a8a8",
        "label-on-cursor-away": "#a8a8a8",
        "exited-on-cursor-away": "#a8a8a8",
    },
    LIGHT: {
        "base": "#ffffff",
        "panel": "#eeeeee",
        "cursor": "#d7ffff",
        "cursor-away": "#e4e4e4",
        "head": "#e4e4e4",
        "alert": "#d70000",
        "notice": "#ffd75f",
        "text": "#262626",
        "strong": "#000000",
        "dim": "#5f5f5f",
        "rule": "#b2b2b2",
        "label": "#585858",
        "accent": "#005faf",
        "minor": "#005f5f",
        "graph": "#5f8787",
        "graph-stall": "#af875f",
        "major": "#875f00",
        "invalid": "#af0000",
        "warm": "#5f5f00",
        "hot": "#875f00",
        "burning": "#af0000",
        "exited": "#626262",
        "bad": "#af0000",
        "good": "#005f00",
        "on-alert": "#ffffff",
        "on-notice": "#000000",
    },
    ANSI: {
        "base": "ansi_default",
        "panel": "ansi_default",
        "cursor": "flat",
        "cursor-away": "flat",
        "head": "flat",
        "alert": "ansi_red",
        "notice": "ansi_yellow",
        "text": "ansi_default",
        "strong": "ansi_default",
        "dim": "ansi_default",
        "rule": "ansi_default",
        "label": "ansi_default",
        "accent": "ansi_blue",
        "minor": "ansi_cyan",
        "graph": "ansi_cyan",
        "graph-stall": "ansi_yellow",
        "major": "ansi_yellow",
        "invalid": "ansi_red",
        "warm": "ansi_default",
        "hot": "ansi_yellow",
        "burning": "ansi_red",
        "exited": "ansi_default",
        "bad": "ansi_red",
        "good": "ansi_green",
        "on-alert": "ansi_bright_white",
        "on-notice": "ansi_black",
    },
}
"""pftop's inks and grounds by theme; "x-on-y" is ink x on ground y where its own colour could not be read there.

A "flat" ground is drawn in reverse or underlined, without inks.
"""


_OWN = "ansi_default"
"""Whatever the terminal shows where it is asked for no colour."""


def theme_names() -> list[str]:
    """Every name that ``--theme`` takes."""
    return [DARK, LIGHT, ANSI, *BUILTIN]


def own_themes() -> list[Theme]:
    """pftop's themes, ready to be registered."""
    return [_coloured(DARK, dark=True), _coloured(LIGHT, dark=False), _plain(ANSI), _plain(MONO)]


def variables_of(theme: Theme) -> dict[str, str]:
    """``pf-*`` variables for a theme that is not ours, made from the colours it has."""
    colours = theme.to_color_system().generate()

    def of(name: str) -> str:
        """A colour of the theme; those of the terminal's palette lack many."""
        return colours.get(name, colours["foreground"])

    # Where textual's own shades are blends with alpha, only its opaque colours serve: the palette does not blend.
    raised = "flat" if theme.ansi else of("panel")
    return _prefixed(
        {
            "base": of("background"),
            "panel": of("background") if theme.ansi else of("surface"),
            "cursor": "flat" if theme.ansi else of("primary-muted"),
            "cursor-away": raised,
            "head": raised,
            "alert": of("error"),
            "notice": of("warning"),
            "text": of("foreground"),
            "strong": of("foreground"),
            "dim": of("foreground-darken-3"),
            "rule": of("foreground-darken-3"),
            "label": of("foreground-darken-2"),
            "accent": of("primary"),
            "minor": of("success"),
            "graph": of("success"),
            "graph-stall": of("warning"),
            "major": of("warning"),
            "invalid": of("error"),
            "warm": of("foreground"),
            "hot": of("warning"),
            "burning": of("error"),
            "exited": of("foreground-darken-3"),
            "bad": of("error"),
            "good": of("success"),
            "on-alert": of("background"),
            "on-notice": of("background"),
        }
    )


def _prefixed(colours: Mapping[str, str]) -> dict[str, str]:
    """Colours under the names the style sheet knows them by."""
    return {f"pf-{name}": value for name, value in colours.items()}


def _coloured(name: str, *, dark: bool) -> Theme:
    """A theme from ``COLOURS``."""
    from textual.theme import Theme

    colours = COLOURS[name]
    return Theme(
        name=name,
        dark=dark,
        primary=colours["accent"],
        secondary=colours["minor"],
        accent=colours["accent"],
        warning=colours["major"],
        error=colours["invalid"],
        success=colours["minor"],
        foreground=colours["text"],
        background=colours["base"],
        surface=colours["panel"],
        panel=colours["head"],
        variables=_prefixed(colours) | _input_variables(colours["strong"], colours["base"], colours["cursor"]),
    )


def _plain(name: str) -> Theme:
    """A theme of the terminal's own palette, or, for ``MONO``, of no colour at all."""
    from textual.theme import BUILTIN_THEMES, Theme

    colours = dict(COLOURS[ANSI])
    base = BUILTIN_THEMES["ansi-dark"].variables
    if name == MONO:
        flat = ("alert", "notice")
        colours = {k: "flat" if v == "flat" or k in flat else _OWN for k, v in colours.items()}
        base = dict.fromkeys(base, _OWN) | {"input-cursor-text-style": "reverse"}
    inputs = _input_variables(_OWN, _OWN, _OWN)
    return Theme(
        name=name,
        ansi=True,
        variables=base | _prefixed(colours) | inputs | {"input-cursor-text-style": "reverse"},
        primary=_OWN,
        secondary=_OWN,
        warning=_OWN,
        error=_OWN,
        success=_OWN,
        accent=_OWN,
        foreground=_OWN,
        background=_OWN,
        surface=_OWN,
        panel=_OWN,
        boost=_OWN,
    )


def _input_variables(cursor: str, text: str, selection: str) -> dict[str, str]:
    """How textual's own input box shows its cursor and its selection."""
    return {
        "input-cursor-background": cursor,
        "input-cursor-foreground": text,
        "input-cursor-text-style": "none",
        "input-selection-background": selection,
    }
