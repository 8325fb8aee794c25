"""Owns the timing of our own functions where they stand: CPU time by name, without changing what they do."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import Any


class Stopwatch:
    """Seconds by name, of the thread that calls. A function timed inside another counts in both.

    CPU time: what others do at the same time must not be taken for ours.
    """

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._undo: list[Callable[[], None]] = []

    def time(self, owner: Any, attribute: str, name: str) -> None:
        """From now on, note what this function takes."""
        function = getattr(owner, attribute)

        @wraps(function)
        def timed(*given: Any, **named: Any) -> Any:
            began = time.thread_time()
            try:
                return function(*given, **named)
            finally:
                self.spent[name] += time.thread_time() - began

        setattr(owner, attribute, timed)
        self._undo.append(lambda: setattr(owner, attribute, function))

    def take(self) -> dict[str, float]:
        """Seconds by name since the last call."""
        spent = dict(self.spent)
        self.spent.clear()
        return spent

    def stop(self) -> None:
        """Put every function back."""
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()
