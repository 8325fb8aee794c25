"""Owns regular expressions in filters: which are let through, and how much of a text they look at.

Python's matcher goes back over every way to split a text among repeats, and nothing can stop it: an innocent
``/(a+)+$/`` would stand still for hours. So repeats inside repeats are refused, and texts are cut.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache

LOOKED_AT = 300
"""Characters of a name or command line."""
MOST_REPEATS = 4
_KEPT = 4096
_QUANTIFIER = re.compile(r"([*+?]|\{\d*,?\d*\})[?+]?")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_PIECE = re.compile(
    rf"(?P<escape>\\.)|(?P<cls>{_CLASS.pattern})|(?P<open>\((?:\?[^)a-zA-Z]?)?)|(?P<other>.)", re.DOTALL
)


class PatternProblem(ValueError):
    """Why a regular expression is not taken, for a human."""


def matcher(text: str) -> Callable[[str], bool]:
    """A search for the pattern, in any case; raises PatternProblem."""
    try:
        with warnings.catch_warnings():
            # A warning about a doubtful pattern would be printed across the screen.
            warnings.simplefilter("ignore")
            search = re.compile(text, re.IGNORECASE).search
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        raise PatternProblem(f"bad regular expression: {error}") from None
    _refuse_slow(text)

    # The same names come by at every tick.
    @lru_cache(maxsize=_KEPT)
    def found(subject: str) -> bool:
        return search(subject[:LOOKED_AT]) is not None

    return found


def _refuse_slow(text: str) -> None:
    """Raise for a pattern that may take time without bound."""
    varies = [False]
    repeats = 0
    for piece, quantifier in _pieces(text):
        if piece == "(":
            varies.append(False)
            continue
        inner = False
        if piece == ")" and len(varies) > 1:
            inner = varies.pop()
        elif piece == "|":
            varies[-1] = True
        if quantifier and quantifier != "?" and inner:
            raise PatternProblem("a repeated group may hold neither another repeat nor |: it could search for hours")
        if quantifier or inner:
            varies[-1] = True
        repeats += bool(quantifier) and quantifier != "?"
    if repeats > MOST_REPEATS:
        raise PatternProblem(f"more than {MOST_REPEATS} repeats: it could search for hours")


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """The parts of a valid pattern, each with the quantifier behind it."""
    at = 0
    while at < len(text):
        found = _PIECE.match(text, at)
        assert found is not None, "any character is a piece"
        at = found.end()
        if found.lastgroup == "open":
            yield "(", ""
            continue
        quantifier = _QUANTIFIER.match(text, at)
        piece = found[0] if found.lastgroup == "other" else ""
        if quantifier is not None and piece != "|":
            at = quantifier.end()
        yield piece, quantifier[1] if quantifier is not None else ""
