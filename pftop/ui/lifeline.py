"""Owns what ends the app from outside: signals, for which textual has no handlers, and a terminal that has gone."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable

from pftop.ui import terminal

CHECK_S = 1.0
EXIT_STATUS = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130}


class Lifeline:
    """Calls ``end`` with the exit status when there is a reason to leave."""

    def __init__(self, end: Callable[[int], None]) -> None:
        self._end = end
        self._checked = 0.0

    def hold(self) -> None:
        """Take the signals, so that every one of them restores the terminal first."""
        loop = asyncio.get_running_loop()
        for number, status in EXIT_STATUS.items():
            loop.add_signal_handler(number, self._end, status)

    def let_go(self) -> None:
        """Give the signals back."""
        loop = asyncio.get_running_loop()
        for number in EXIT_STATUS:
            loop.remove_signal_handler(number)

    def check_terminal(self) -> None:
        """Leave when the terminal has gone, of which textual would read the end of file for ever."""
        now = time.monotonic()
        if now - self._checked < CHECK_S:
            return
        self._checked = now
        if sys.__stdin__ is None or terminal.gone(sys.__stdin__.fileno()):
            self._end(EXIT_STATUS[signal.SIGHUP])
