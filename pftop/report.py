"""Owns what pftop says outside its views: single lines and explanations, on standard error."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pftop.events import SourceError


def say(text: str) -> None:
    """One line on standard error."""
    _write(f"pftop: {text}\n")


def explain(error: SourceError) -> None:
    """What happened, why, and what mends it."""
    fix = f"  fix: {error.fix}\n" if error.fix else ""
    _write(f"pftop: {error.what}\n  why: {error.why}\n{fix}")


def _write(text: str) -> None:
    # the terminal may be gone, which is no reason to fail
    with contextlib.suppress(OSError):
        os.write(2, text.encode("utf-8", "backslashreplace"))
