"""Owns the way from a command line to an exit status: what is opened, in which order, and closed on every way out."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from pftop.options import Options
from pftop.report import explain, say
from pftop.text import quoted

USAGE, CANNOT_RUN, BROKEN_PIPE = 2, 3, 141
UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What only writing fails with."""


def check(options: Options) -> Options:
    """Look up what needs more than the command line itself; exits with status 2 when something is wrong."""
    if options.filter_text:
        from pftop.model.query import QueryError, parse

        try:
            parse(options.filter_text)
        except QueryError as error:
            fail(f"bad filter {quoted(options.filter_text)}: {error}")
    if options.sort is not None:
        from pftop.model.table import SORT_KEYS, find_column

        column = find_column(options.sort)
        if column is None:
            fail(f"no column {quoted(options.sort)} to sort by; there are {', '.join(SORT_KEYS)}")
        options = replace(options, sort=column.key)
    if options.user is not None:
        options = replace(options, uid=find_user(options.user))
    if options.mode == "live" and not (os.isatty(0) and os.isatty(1)):
        fail("the live view needs a terminal; use -b, -J or --csv for pipes and files")
    if options.theme is not None:
        check_theme(options.theme)
    return options


def check_theme(name: str) -> None:
    """A theme must exist, also where nothing is drawn with it."""
    from pftop.ui.themes import theme_names

    if name not in theme_names():
        fail(f"no theme {quoted(name)}; there are {', '.join(theme_names())}")


def fail(text: str) -> NoReturn:
    """A usage error."""
    say(text)
    sys.exit(USAGE)


def find_user(text: str) -> int:
    """The uid of a user's name or number."""
    import pwd

    try:
        return pwd.getpwnam(text).pw_uid
    except (KeyError, ValueError):
        if text.isdecimal() and len(text) <= 10 and int(text) < 2**32:
            return int(text)
    fail(f"there is no user {quoted(text)}")


def fill_standard_streams() -> bool:
    """Open descriptors 0 to 2 where they are closed, or the next files opened would get them and what is said there.

    Returns whether there was a standard output.
    """
    there = True
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            # the lowest that is free, which is this one
            os.open(os.devnull, os.O_RDWR)
            there = there and fd != 1
    return there


def main(argv: Sequence[str] | None = None) -> int:
    """Run pftop; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    has_stdout = fill_standard_streams()
    try:
        try:
            return work(words, has_stdout=has_stdout)
        finally:
            # what help and doctor printed is still buffered: at Python's own end nobody would catch what that raises
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        # the reader has gone; nothing is left to tell, nor anyone to tell it to
        drop_stdout()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        drop_stdout()
        return 130
    except Exception as error:
        return report(error)


def work(words: list[str], *, has_stdout: bool) -> int:
    """What the command line asks for; returns the exit status."""
    doctor = words[:1] == ["doctor"]
    if doctor and has_stdout:
        from pftop.arguments import doctor_as_json
        from pftop.doctor import main as examine

        return examine(as_json=doctor_as_json(words[1:]))
    from pftop.arguments import parse

    options = Options(mode="text") if doctor else parse(words)
    from pftop import session

    # a filter or a column to sort by is looked up with numpy
    given = session.settle()
    options = check(options)
    if not has_stdout and options.output in (None, "-"):
        say("there is nowhere to write: standard output is closed; open it" + ("" if doctor else ", or add -o FILE"))
        return 1
    return session.run(options, given)


def drop_stdout() -> None:
    """Have what is still buffered go nowhere: Python writes it at its end."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def report(error: Exception) -> int:
    """Say why pftop ends; returns the exit status."""
    from pftop.events import SourceError, describe_exception

    if isinstance(error, SourceError):
        explain(error)
        return CANNOT_RUN
    if isinstance(error, OSError) and error.errno in UNWRITTEN:
        say(f"the output could not be written: {error.strerror}")
        drop_stdout()
        return 1
    if os.environ.get("PFTOP_DEBUG"):
        raise error
    say(f"unexpected: {describe_exception(error)} (PFTOP_DEBUG=1 shows where)")
    return 1
