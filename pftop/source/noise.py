"""Owns file descriptors 1 and 2 while libbcc runs: what C code prints there is caught, not shown.

Clang's diagnostics, verifier logs and "Possibly lost" lines go straight to these descriptors. They would
tear the screen that Textual draws and break a JSON stream.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from pftop.text import Safe, clean

MAX_LINES = 200


class NoiseTrap:
    """Points descriptors 1 and 2 at a pipe; the real ones live on as ``stdout`` and ``stderr``."""

    def __init__(self) -> None:
        self.stdout, self.stderr = os.dup(1), os.dup(2)
        self._read, write = os.pipe()
        # a full pipe must make the C side drop a line, never block the poll
        os.set_blocking(self._read, False)
        os.set_blocking(write, False)
        os.dup2(write, 1)
        os.dup2(write, 2)
        os.close(write)
        self._partial = b""
        self._open = True

    def lines(self) -> Sequence[Safe]:
        """Complete lines caught since the last call."""
        if not self._open:
            return []
        chunks = [self._partial]
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._read, 65536):
                chunks.append(chunk)
        *whole, self._partial = b"".join(chunks).split(b"\n")
        return [clean(line, 500) for line in whole[-MAX_LINES:] if line.strip()]

    def restore(self) -> Sequence[Safe]:
        """Give the descriptors back, and what was caught last; may be called twice."""
        caught = self.lines()
        if self._open:
            self._open = False
            os.dup2(self.stdout, 1)
            os.dup2(self.stderr, 2)
            os.close(self._read)
        return caught
