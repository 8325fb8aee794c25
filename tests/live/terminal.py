"""Owns a real terminal for tests: pftop in a pty, a screen emulator that reads what it draws, keys sent to it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable

import pyte

from tests.live.harness import DEADLINE_S, ROOT

ROW = re.compile(r"^[> *(]*\s*\d+\)?\s+\S+\s+[\d.]+[kMG]?\s")
"""A line of the process table: PID, user, a rate."""


class Terminal:
    """pftop in a terminal of a given size."""

    def __init__(self, *options: str, columns: int = 100, lines: int = 30) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = bytearray()
        self.started = time.monotonic()
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.master, self._slave = master, slave
        self.child = subprocess.Popen(
            [sys.executable, "-m", "pftop", *options],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )
        self._lock = threading.Lock()
        self._open = True
        self._blind = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while self._open:
            ready, _, _ = select.select([self.master], [], [], 0.05)
            if not ready:
                continue
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            if self._blind:
                continue
            with self._lock:
                self.raw += data
                self._stream.feed(data)

    def look_away(self) -> None:
        """Read what is drawn and drop it: emulating a screen in Python costs more than pftop."""
        self._blind = True

    def text(self) -> list[str]:
        """The screen's lines."""
        with self._lock:
            return list(self.screen.display)

    def rows(self) -> list[str]:
        """Lines of the process table."""
        return [line for line in self.text() if ROW.match(line)]

    def until(self, wanted: Callable[[list[str]], bool], within_s: float = DEADLINE_S) -> float:
        """Wait for a screen that is wanted; returns the seconds it took."""
        began = time.monotonic()
        while not wanted(self.text()):
            if self.child.poll() is not None or time.monotonic() - began > within_s:
                raise AssertionError(f"status {self.child.poll()}; the screen is\n" + "\n".join(self.text()))
            time.sleep(0.002)
        return time.monotonic() - began

    def shows(self, text: str, within_s: float = DEADLINE_S) -> float:
        """Wait until a text is on the screen."""
        return self.until(lambda lines: any(text in line for line in lines), within_s)

    def lacks(self, text: str) -> float:
        """Wait until a text is not on the screen."""
        return self.until(lambda lines: not any(text in line for line in lines))

    def press(self, keys: str) -> None:
        """Send keys."""
        os.write(self.master, keys.encode())

    def wait(self, within_s: float = 10) -> int:
        """Its end; returns the exit status."""
        return self.child.wait(within_s)

    def is_restored(self) -> bool:
        """Whether the terminal is as it was: its modes, the main screen, no mouse reports, a visible cursor."""
        time.sleep(0.1)
        with self._lock:
            raw = bytes(self.raw)
        left = [
            raw.rfind(b"\x1b[?1049l") > raw.rfind(b"\x1b[?1049h"),
            raw.rfind(b"\x1b[?1000l") > raw.rfind(b"\x1b[?1000h") or b"\x1b[?1000h" not in raw,
            raw.rfind(b"\x1b[?25h") > raw.rfind(b"\x1b[?25l"),
        ]
        return all(left) and termios.tcgetattr(self._slave) == self.before

    def stall(self) -> None:
        """Read no more of what it draws, as after Ctrl+S or on a line that hangs."""
        self._open = False
        self._reader.join()

    def resume(self) -> None:
        """Read on."""
        self._open = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def hang_up(self) -> None:
        """Close the terminal, as a dropped connection does."""
        self._open = False
        self._reader.join()
        os.close(self._slave)
        os.close(self.master)
        self._slave = self.master = -1

    def close(self) -> None:
        """Make sure it is gone."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        self._open = False
        self._reader.join()
        for fd in (self.master, self._slave):
            if fd >= 0:
                with contextlib.suppress(OSError):
                    os.close(fd)
