"""Owns the one way in which process-controlled text becomes safe to show: the ``Safe`` type and ``clean``.

Names, command lines, paths and symbols are written by the processes pftop watches, and shown on the
terminal of whoever runs it, usually root. Anything here that a terminal would obey, hide or reorder
becomes visible text, so that two different names never look the same and none can move the cursor.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

ELLIPSIS = "…"
MARKS_PER_BASE = 2
"""Combining marks kept on one base: enough for real scripts, too few to climb into the lines around."""

_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MARK_CATEGORIES = frozenset({"Mn", "Mc", "Me"})
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_JAMO_TAILS = (range(0x1160, 0x1200), range(0xD7B0, 0xD800))
# Printable by category, yet drawn as nothing, or as a width that terminals do not agree on.
_DECEPTIVE = (
    range(0x034F, 0x0350),
    range(0x115F, 0x1161),
    range(0x17B4, 0x17B6),
    range(0x180B, 0x1810),
    range(0x2630, 0x2638),
    range(0x268A, 0x2690),
    range(0x2800, 0x2801),
    range(0x3164, 0x3165),
    range(0x4DC0, 0x4E00),
    range(0xFE00, 0xFE10),
    range(0xFFA0, 0xFFA1),
    range(0x1D300, 0x1D380),
    range(0x1F1E6, 0x1F200),
    range(0x1F3FB, 0x1F400),
    range(0xE0000, 0xE1000),
)
_UTF8_MAX_BYTES = 4


class Safe(str):
    """Text fit to show. Made by ``clean``, ``fit`` and ``quoted``; by ``Safe("...")`` for constants of ours only."""

    __slots__ = ()


def clean(raw: bytes | str, limit: int = 256) -> Safe:
    r"""Make hostile text fit to show, in at most ``limit`` terminal cells, the last one "…" where it was cut.

    Bytes are read as UTF-8; a ``str`` may hold surrogates from ``surrogateescape``. Control, format,
    private, unassigned and separator code points become ``\n``, ``\x1b`` or ``\u{202e}``, invalid bytes
    ``\xNN``. A backslash stays as it is. Never raises; cleaning what is clean changes nothing.
    """
    if limit <= 0:
        return Safe("")
    # No cell takes more than a base and its marks, so the rest of an endless command line is never looked at.
    reach = (limit + 2) * (1 + MARKS_PER_BASE)
    if isinstance(raw, bytes):
        raw = raw[: reach * _UTF8_MAX_BYTES].decode("utf-8", "surrogateescape")
    if raw.isascii() and raw.isprintable():
        return Safe(raw) if len(raw) <= limit else Safe(raw[: limit - 1] + ELLIPSIS)
    return _clean_slowly(raw[:reach], limit)


def quoted(text: str, limit: int = 256) -> Safe:
    """What a user wrote, in quotes and as it was written: ``repr`` would double each backslash."""
    return Safe(f"'{clean(text, limit)}'")


def cell_width(text: str) -> int:
    """Terminal cells that text fit to show takes."""
    if text.isascii():
        return len(text)
    return sum(_shown(char)[1] for char in text)


def fit(text: str, width: int, align: str = "<") -> Safe:
    """Cut with "…" or pad with blanks to exactly ``width`` cells (none if negative).

    ``align`` is "<", ">" or "^". Text that is not ``Safe`` is cleaned on the way.
    """
    if text.isascii() and text.isprintable() and len(text) <= width:
        return Safe(f"{text:{align}{width}}")
    cut = clean(text, width)
    missing = width - cell_width(cut)
    if missing <= 0:
        return cut
    left = {"<": 0, ">": missing, "^": missing // 2}[align]
    return Safe(" " * left + cut + " " * (missing - left))


def _clean_slowly(raw: str, limit: int) -> Safe:
    """Clean one code point at a time."""
    pieces: list[str] = []
    widths: list[int] = []
    cells = marks = 0
    based = False
    for char in raw:
        piece, width = _shown(char)
        if width:
            marks, based = 0, piece == char
        elif based and marks < MARKS_PER_BASE:
            marks += 1
        else:
            # With no base of its own the mark would land on a neighbouring column.
            piece = _escape(char)
            width = len(piece)
            based = False
        pieces.append(piece)
        widths.append(width)
        cells += width
        if cells > limit:
            break
    if cells <= limit:
        return Safe("".join(pieces))
    while cells > limit - 1:
        cells -= widths.pop()
        pieces.pop()
    return Safe("".join(pieces) + ELLIPSIS)


@lru_cache(maxsize=4096)
def _shown(char: str) -> tuple[str, int]:
    """A code point as it is shown, and its cells; 0 cells for one that joins the base before it."""
    code = ord(char)
    category = unicodedata.category(char)
    if category in _UNSAFE_CATEGORIES or any(code in span for span in _DECEPTIVE):
        escaped = _escape(char)
        return escaped, len(escaped)
    if category in _MARK_CATEGORIES or any(code in span for span in _JAMO_TAILS):
        return char, 0
    return char, 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _escape(char: str) -> str:
    """A code point spelt out in ASCII; a byte that was not UTF-8 is spelt as that byte."""
    if char in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[char]
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"
