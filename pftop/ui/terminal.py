"""Owns what is asked of the terminal itself, outside textual: whether it is light, and whether it is still there."""

from __future__ import annotations

import contextlib
import os
import re
import select
import termios
import time
import tty
from typing import Any

REPLY_TIMEOUT_S = 0.25
"""Local terminals answer within a millisecond; a late answer from a far one would be taken for keys."""
_MUTE = ("", "dumb", "linux")
_ASK_BACKGROUND = b"\x1b]11;?\x1b\\"
# Every terminal answers this one, so its answer says that the one before it was not understood.
_ASK_ATTRIBUTES = b"\x1b[c"
_BACKGROUND = re.compile(rb"\x1b\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})")
_ATTRIBUTES = re.compile(rb"\x1b\[\?[0-9;]*c")
_LIGHT_FROM = 0.5
_RESTORE_TRIES, _RESTORE_PAUSE_S = 50, 0.01
# mouse reports, focus reports and bracketed paste off; the screen as it was; the cursor visible
_LEAVE = b"\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[<u\x1b[?1049l\x1b[?25h"


def is_light(timeout_s: float = REPLY_TIMEOUT_S) -> bool:
    """Whether the terminal's background is light; a terminal that does not say is dark."""
    if os.environ.get("TERM", "") in _MUTE or not os.isatty(0):
        return False
    try:
        fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        reply = _ask(fd, timeout_s)
    except (OSError, termios.error):
        return False
    finally:
        os.close(fd)
    return light_reply(reply)


def light_reply(reply: bytes) -> bool:
    """Whether an answer to OSC 11 names a light colour."""
    found = _BACKGROUND.search(reply)
    if found is None:
        return False
    red, green, blue = (int(part, 16) / float(16 ** len(part) - 1) for part in found.groups())
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > _LIGHT_FROM


def gone(fd: int) -> bool:
    """Whether the terminal behind a descriptor has hung up."""
    poll = select.poll()
    try:
        poll.register(fd, 0)
        return any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))
    except OSError:
        return True


def modes(fd: int) -> list[Any] | None:
    """The terminal's modes; None where there is none."""
    try:
        return termios.tcgetattr(fd)
    except (termios.error, OSError, ValueError):
        return None


def restore(fd: int, before: list[Any] | None) -> None:
    """Put the modes back and leave the drawn screen, without waiting for a terminal that takes no output."""
    if before is None:
        return
    with contextlib.suppress(termios.error, OSError):
        termios.tcsetattr(fd, termios.TCSANOW, before)
        into = os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        for _ in range(_RESTORE_TRIES):
            # what it would not take is dropped, which makes room for what has to be said
            termios.tcflush(fd, termios.TCOFLUSH)
            with contextlib.suppress(BlockingIOError):
                if os.write(into, _LEAVE) == len(_LEAVE):
                    break
            time.sleep(_RESTORE_PAUSE_S)


def _ask(fd: int, timeout_s: float) -> bytes:
    """Send the question in raw mode, and put the mode back whatever happens."""
    if os.tcgetpgrp(fd) != os.getpgrp():
        # From the background, changing the mode would stop the whole program.
        return b""
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSANOW)
        os.write(fd, _ASK_BACKGROUND + _ASK_ATTRIBUTES)
        return _read_reply(fd, time.monotonic() + timeout_s)
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSANOW, before)


def _read_reply(fd: int, deadline: float) -> bytes:
    """Read until the attributes came, which they do last, or time is up."""
    reply = b""
    while (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([fd], [], [], left)
        if not ready:
            break
        chunk = os.read(fd, 256)
        reply += chunk
        if not chunk or _ATTRIBUTES.search(reply):
            break
    return reply
