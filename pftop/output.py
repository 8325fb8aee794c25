"""Owns the file given with ``-o``: opened before anything is attached, emptied after, never through a link."""

from __future__ import annotations

import os
import stat
from typing import TextIO


class OutputError(Exception):
    """The file cannot be written: why, fit to print."""


def open_output(path: str, owner: tuple[int, int] | None = None) -> TextIO:
    """A text file for writing; a new one is mode 0600 and belongs to ``owner``. What is in it stays until ``empty``.

    A link as the last part of the path is refused: pftop runs as root, and the directory may not be its own.
    Recordings hold other users' command lines, hence the mode.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    existed = os.path.lexists(path)
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as error:
        why = "is a symbolic link" if os.path.islink(path) else (error.strerror or str(error))
        raise OutputError(f"cannot write {path}: {why}") from error
    try:
        mode = os.fstat(fd).st_mode
        if not (stat.S_ISREG(mode) or path == "/dev/null"):
            raise OutputError(f"cannot write {path}: not a regular file")
        os.set_blocking(fd, True)
        if owner is not None and not existed:
            os.fchown(fd, *owner)
    except (OutputError, OSError) as error:
        os.close(fd)
        raise error if isinstance(error, OutputError) else OutputError(f"cannot write {path}: {error}") from error
    return os.fdopen(fd, "w", encoding="utf-8")


def empty(out: TextIO) -> None:
    """Drop what a file held before: to be called when there is something to write, or a recording is lost for it."""
    if stat.S_ISREG(os.fstat(out.fileno()).st_mode):
        os.ftruncate(out.fileno(), 0)
