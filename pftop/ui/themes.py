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
        "dim": "#8a8a8a",
        "rule": "#4e4e4e",
        "label": "#949494",
        "accent": "#87afff",
        "minor": "#5fd7af",
        "major": "#ffaf00",
        "invalid": "#ff8787",
        "warm": "#d7d787",
        "hot": "#ffaf5f",
        "burning": "#ff8787",
        "exited": "#8a8a8a",
        "bad": "#ff8787",
        "good": "#87d787",
        "on-alert": "#ffffff",
        "on-notice": "#000000",
    },
    LIGHT: {
        "base": "#ffffff",
        "panel": "#eeeeee",
        "cursor": "#afd7d7",
        "cursor-away": "#dadada",
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
"""pftop's inks and grounds by theme. A "flat" ground is drawn in reverse, without inks."""


def theme_names() -> list[str]:
    """Every name that ``--theme`` takes."""
    return [DARK, LIGHT, ANSI, *BUILTIN]


def own_themes() -> list[Theme]:
    """pftop's themes, ready to be registered."""
    return [_coloured(DARK, dark=True), _coloured(LIGHT, dark=False), _plain(ANSI), _plain(MONO)]


def variables_of(theme: Theme) -> dict[str, str]:
    """``pf-*`` variables for a theme that is not ours, made from the colours it has."""
    colours = theme.to_color_system().generate()
    dim = colours.get("foreground-muted", colours["foreground"])
    return _prefixed(
        {
            "base": colours["background"],
            "panel": colours["surface"],
            "cursor": colours["primary-muted"] if not theme.ansi else "flat",
            "cursor-away": colours["panel"] if not theme.ansi else "flat",
            "head": colours["panel"] if not theme.ansi else "flat",
            "alert": colours["error"],
            "notice": colours["warning"],
            "text": colours["foreground"],
            "strong": colours["foreground"],
            "dim": dim,
            "rule": colours["foreground-disabled"],
            "label": dim,
            "accent": colours["text-primary"],
            "minor": colours["text-success"],
            "major": colours["text-warning"],
            "invalid": colours["text-error"],
            "warm": colours["foreground"],
            "hot": colours["text-warning"],
            "burning": colours["text-error"],
            "exited": dim,
            "bad": colours["text-error"],
            "good": colours["text-success"],
            "on-alert": colours["foreground"] if theme.ansi else colours["button-color-foreground"],
            "on-notice": colours["background"],
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
    from textual.theme import Theme

    colours = dict(COLOURS[ANSI])
    if name == MONO:
        colours = {
            ink: "flat" if value == "flat" or ink in ("alert", "notice") else "ansi_default"
            for ink, value in colours.items()
        }
    return Theme(
        name=name,
        ansi=True,
        primary="ansi_default" if name == MONO else "ansi_blue",
        secondary="ansi_default",
        warning="ansi_default",
        error="ansi_default",
        success="ansi_default",
        accent="ansi_default",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables=_prefixed({k: v for k, v in colours.items()})
        | _input_variables("ansi_default", "ansi_default", "ansi_default")
        | {"input-cursor-text-style": "reverse"},
    )


def _input_variables(cursor: str, text: str, selection: str) -> dict[str, str]:
    """How textual's own input box shows its cursor and its selection."""
    return {
        "input-cursor-background": cursor,
        "input-cursor-foreground": text,
        "input-cursor-text-style": "none",
        "input-selection-background": selection,
    }
