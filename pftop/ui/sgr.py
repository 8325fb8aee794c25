"""Owns how styled text is written to a terminal: of a style only what differs from the one before it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style

RESET = "\x1b[0m"
_ATTRIBUTES = (
    ("bold", "1"),
    ("dim", "2"),
    ("italic", "3"),
    ("underline", "4"),
    ("blink", "5"),
    ("blink2", "6"),
    ("reverse", "7"),
    ("conceal", "8"),
    ("strike", "9"),
    ("underline2", "21"),
)
_BLANK_TOO = ("bold", "dim", "italic")
"""What does not show on a blank."""


class Codes(NamedTuple):
    """A style in numbers; a colour that is none of its own is empty."""

    attributes: str
    front: str
    back: str
    shows_on_blanks: bool
    """Whether more of it than its ground is seen where nothing is written."""


PLAIN = Codes("", "", "", False)


@lru_cache(1024)
def codes_of(style: Style | None, system: ColorSystem) -> Codes:
    """What a style is on terminals with these colours."""
    if style is None:
        return PLAIN
    on = [(name, number) for name, number in _ATTRIBUTES if getattr(style, name)]
    return Codes(
        ";".join(number for _, number in on),
        _colour(style.color, system, front=True),
        _colour(style.bgcolor, system, front=False),
        any(name not in _BLANK_TOO for name, _ in on),
    )


def _colour(colour: Color | None, system: ColorSystem, *, front: bool) -> str:
    return "" if colour is None else ";".join(colour.downgrade(system).get_ansi_codes(front))


class Writer:
    """Writes texts one after the other, wherever they go."""

    def __init__(self, system: ColorSystem) -> None:
        self._system = system
        self._now = PLAIN
        self._parts: list[str] = []

    def go(self, x: int, y: int) -> None:
        """The next text is at this place."""
        self._parts.append(f"\x1b[{y + 1};{x + 1}H")

    def write(self, segments: Iterable[Segment]) -> None:
        """Texts side by side."""
        for text, style, _ in segments:
            codes = codes_of(style, self._system)
            if codes is not self._now and codes != self._now:
                self._turn_to(codes, blank=not text.strip(" "))
            self._parts.append(text)

    def _turn_to(self, wanted: Codes, *, blank: bool) -> None:
        """Change what has to be changed; a blank shows no more than its ground."""
        now = self._now
        unseen = blank and not (wanted.shows_on_blanks or now.shows_on_blanks)
        if unseen and wanted.back == now.back:
            return
        if wanted.attributes != now.attributes or (now.front and not wanted.front) or (now.back and not wanted.back):
            changed = ["0", wanted.attributes, wanted.front, wanted.back]
        else:
            changed = [
                wanted.front if wanted.front != now.front else "",
                wanted.back if wanted.back != now.back else "",
            ]
        self._parts.append(f"\x1b[{';'.join(code for code in changed if code)}m")
        self._now = wanted

    def text(self) -> str:
        """All of it; what is written next is plain again."""
        return "".join(self._parts) + (RESET if self._now != PLAIN else "")
