"""Owns what pftop needs otherwise in textual's terminal driver: the size of the terminal that is drawn on."""

from __future__ import annotations

import os
import sys

from textual.drivers.linux_driver import LinuxDriver

_FALLBACK = (80, 24)


class TerminalDriver(LinuxDriver):
    """Asks the terminal itself for its size.

    textual asks standard output, which is a pipe here: what libbcc writes to it goes to the messages screen.
    """

    def start_application_mode(self) -> None:
        """Take the terminal, of which nothing is known: the shell may have had it since."""
        self._app.glass.forget()  # type: ignore[attr-defined]
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def _get_terminal_size(self) -> tuple[int, int]:
        for file in (self._file, sys.__stdin__):
            try:
                width, height = os.get_terminal_size(file.fileno() if file is not None else -1)
            except (OSError, ValueError):
                continue
            if width and height:
                return width, height
        return _FALLBACK
