"""Owns the file given with ``-o``: opened before anything is attached, never through a link."""

from __future__ import annotations

import os
import stat
from typing import TextIO


class OutputError(Exception):
    """The file cannot be written: why, fit to print."""


def open_output(path: str, owner: tuple[int, int] | None = None) -> TextIO:
    """A text file for writing, emptied if it exists; a new one is mode 0600 and belongs to ``owner``.

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
        if stat.S_ISREG(mode):
            os.ftruncate(fd, 0)
        if owner is not None and not existed:
            os.fchown(fd, *owner)
    except (OutputError, OSError) as error:
        os.close(fd)
        raise error if isinstance(error, OutputError) else OutputError(f"cannot write {path}: {error}") from error
    return os.fdopen(fd, "w", encoding="utf-8")
