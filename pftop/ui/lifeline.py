"""Owns what ends the app from outside: signals, for which textual has no handlers, and a terminal that has gone.

A terminal that takes no more output (stopped by Ctrl+S, a connection that hangs) blocks textual's loop: then
nothing on the loop can end the app, and after a while it is ended from here, past the loop.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from pftop.ui import terminal

CHECK_S = 1.0
GRACE_S = 3.0
"""How long the loop may take to leave after a signal."""
DETACH_S = 1.0
WRITER = "textual-output"
"""What textual calls the thread that writes to the terminal."""
EXIT_STATUS = {
    signal.SIGTERM: 143,
    signal.SIGHUP: 129,
    signal.SIGINT: 130,
    signal.SIGQUIT: -signal.SIGQUIT,
}
"""Below 0: ended by that signal itself, once the terminal is back. Who sends SIGQUIT may want the core it leaves."""


class Lifeline:
    """Calls ``end`` with the exit status when there is a reason to leave; ``detach`` where the loop cannot do it."""

    def __init__(self, end: Callable[[int], None], detach: Callable[[], None]) -> None:
        self._end, self._detach = end, detach
        self._checked = 0.0
        self._modes = terminal.modes(0)
        self._ending = self._forced = self._headless = False
        self._watch: threading.Timer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: dict[signal.Signals, Any] = {}

    def hold(self, *, headless: bool) -> None:
        """Take the signals, so that every one of them restores the terminal first, if there is one."""
        self._headless = headless
        self._loop = asyncio.get_running_loop()
        for number in EXIT_STATUS:
            # not by the loop: this one is called even while the loop waits for the terminal
            self._before[number] = signal.signal(number, self._on_signal)

    def let_go(self) -> None:
        """Give the signals back, unless one has come: the terminal may yet have to be left past textual."""
        if self._ending and not self._headless:
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._ending:
            return
        self._ending = True
        status = EXIT_STATUS[signal.Signals(number)]
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end, status)
        if not self._headless:
            self._watch = threading.Timer(GRACE_S, self._leave, (status,))
            self._watch.daemon = True
            self._watch.start()

    def settle(self) -> None:
        """Once textual is through: leave the rest to the other way out, where that has been taken."""
        if self._watch is not None:
            self._watch.cancel()
        if self._forced:
            time.sleep(2 * GRACE_S)

    def _leave(self, status: int) -> None:
        """End the process with the probes detached and the terminal as it was, as far as it lets us."""
        self._forced = True
        detaching = threading.Thread(target=self._detach, daemon=True)
        detaching.start()
        detaching.join(DETACH_S)
        stop_drawing()
        terminal.restore(0, self._modes)
        # a signal's default can only be restored by the main thread, which is stuck
        os._exit(status if status >= 0 else 128 - status)

    def check_terminal(self) -> None:
        """Leave when the terminal has gone, of which textual would read the end of file for ever."""
        now = time.monotonic()
        if now - self._checked < CHECK_S:
            return
        self._checked = now
        if sys.__stdin__ is None or terminal.gone(sys.__stdin__.fileno()):
            self._end(EXIT_STATUS[signal.SIGHUP])


def stop_drawing() -> None:
    """Have what textual has still to draw go nowhere, and end the write under way: it holds the terminal's lock."""
    if sys.__stderr__ is None:
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stderr__.fileno())
    for thread in threading.enumerate():
        if thread.name == WRITER and thread.ident is not None:
            # of a signal that has a handler, for the sake of the interruption
            signal.pthread_kill(thread.ident, signal.SIGTERM)
