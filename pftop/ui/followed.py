"""Owns what the live view tells of the command that is followed: its name, and once it has ended, how."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Protocol

from pftop.text import Safe, clean

NAME_CELLS = 24


class Result(Protocol):
    """How a command ended."""

    @property
    def status(self) -> int:
        """Its exit status; 128 and the number of the signal that ended it."""

    @property
    def minflt(self) -> int:
        """Minor faults by wait4(2)."""

    @property
    def majflt(self) -> int:
        """Major faults by wait4(2)."""


class Following(Protocol):
    """A command that runs, and that pftop never ends."""

    def ended(self) -> bool:
        """Whether it has ended; does not wait."""

    def result(self) -> Result:
        """Its end; waits for it."""


class Followed:
    """The command beside the view: asked at times whether it has ended."""

    def __init__(self, argv: Sequence[str] = (), command: Following | None = None) -> None:
        self._name = clean(os.path.basename(argv[0]) or argv[0], NAME_CELLS) if argv else Safe("")
        self._command = command
        self._noticed = False
        self._status: int | None = None

    def look(self, tick_now: Callable[[], None], *, ticked: bool) -> Safe | None:
        """What is to be said of its end, once; ``ticked``: whether a tick has come since the last look.

        It is waited for only when the tick asked for at its end has come: until then it is a zombie, of whom the
        kernel still tells who it was.
        """
        if self._command is None or self._status is not None:
            return None
        if not self._noticed:
            self._noticed = self._command.ended()
            if self._noticed:
                tick_now()
            return None
        if not ticked:
            return None
        result = self._command.result()
        self._status = result.status
        account = f"wait4 says minor {result.minflt}, major {result.majflt}"
        return clean(f"{self._name} ended with status {result.status}; {account}")

    @property
    def title(self) -> str:
        """Its name for the header; its end is said there, too, since everything shown is of it."""
        if not self._name or self._status is None:
            return self._name
        return f"{self._name} (ended, status {self._status})"
