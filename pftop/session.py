"""Owns one run: source, feed and view put together, and taken apart whatever happens."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, TextIO

from pftop.command import Caller, Command, CommandError, Given, sudo_caller
from pftop.opening import Opening, settle_environment
from pftop.options import Options
from pftop.output import OutputError, empty, open_output
from pftop.report import say
from pftop.source.noise import NoiseTrap

if TYPE_CHECKING:
    # imported where they are used, when the compiler is at work
    from pftop.batch.rows import Selection
    from pftop.model.collect import Collector
    from pftop.source.open import Opened

USAGE, COMMAND_NOT_EXECUTABLE, COMMAND_NOT_FOUND = 2, 126, 127
FIRST_AFTER_S = 0.1
CLOSE_WITHIN_S = 2.0
KEPT_OUTPUT_BYTES = 1 << 20


def settle() -> Given:
    """Make the environment pftop's own, before numpy is imported; returns what the followed command is to get."""
    given = Given.now()
    settle_environment()
    return given


def run(options: Options, given: Given) -> int:
    """The live or a batch view."""
    caller = sudo_caller(given.environment, os.geteuid())
    try:
        if options.mode == "live":
            status = run_live(options, caller, given)
            return status if status >= 0 else end_by(-status)
        return run_batch(options, caller, given)
    except (OutputError, CommandError) as error:
        say(str(error))
        if isinstance(error, OutputError):
            return USAGE
        return COMMAND_NOT_FOUND if isinstance(error.__cause__, FileNotFoundError) else COMMAND_NOT_EXECUTABLE


def end_by(number: int) -> int:
    """Do what a signal does by default, now that all is taken apart; returns the status if that is nothing."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


def selection_for(options: Options, opened: Opened) -> Selection:
    """What of a snapshot is shown."""
    from pftop.batch.rows import Selection
    from pftop.model.query import parse
    from pftop.model.table import default_sort

    return Selection(
        query=parse(options.filter_text),
        sort=options.sort or default_sort(opened.source.plan.features),
        reverse=options.reverse,
        pids=frozenset(options.pids),
        uid=options.uid,
        family=bool(options.command),
    )


@contextlib.contextmanager
def closing(collector: Collector) -> Iterator[None]:
    """Detach on every way out; a reader stuck in libbcc must not keep the user from the shell."""
    try:
        yield
    finally:
        closer = threading.Thread(target=collector.close, daemon=True)
        closer.start()
        closer.join(CLOSE_WITHIN_S)
        if closer.is_alive():
            say("the perf buffer did not let go in time; leaving it to the kernel")
            sys.stdout.flush()
            os._exit(1)


def report_plan(opened: Opened, options: Options) -> None:
    """Say on standard error when a lesser plan runs than was hoped for."""
    if opened.source.plan.name == "proc" and options.probe == "auto" and opened.refusals:
        best = opened.refusals[-1]
        say(f"plan proc, rates only: {best.why}" + (f"; try: {best.fix}" if best.fix else ""))


def collector_for(options: Options, opening: Opening) -> Collector:
    """For the live view: something to show as soon as anything has happened, and no threads by themselves.

    For batch: every logged fault resolved where single faults are wanted, and none where they are not.
    """
    from pftop.model.collect import LINES_PER_SECOND, Collector

    live, opened = options.mode == "live", opening.opened()
    return Collector(
        opened.source,
        opened.lookup,
        interval_s=options.interval_s,
        first_after_s=FIRST_AFTER_S if live else None,
        log=live or options.events,
        lines_per_second=LINES_PER_SECOND if live or not options.events else None,
        threads=options.threads and not live,
        pids=options.pids,
        log_rate=options.log_rate,
        max_overhead=options.max_overhead,
        cost=options.cost,
    )


def run_batch(options: Options, caller: Caller | None, given: Given) -> int:
    """Text, JSON Lines or CSV."""
    owner = (caller.uid, caller.gid) if caller else None
    target = open_output(options.output, owner) if options.output not in (None, "-") else None
    trap = NoiseTrap()
    try:
        with Opening(options, trap.lines) as opening:
            opening.until_compiling()
            from pftop.batch import run as batch

            collector = collector_for(options, opening)
    finally:
        caught = trap.restore()
    opened = opening.opened()
    report_plan(opened, options)
    if os.environ.get("PFTOP_DEBUG"):
        for line in caught:
            say(f"libbcc: {line}")
    out, stop = target or stream(1), batch.Stop()
    with closing(collector), batch.signals(stop, following=bool(options.command)):
        command = None
        if options.command:
            # without a file, CMD's output must not mix with pftop's
            stdout = None if target else 2
            adopt = opened.source.adopt
            command = Command(options.command, adopt=adopt, caller=caller, given=given, stdout=stdout)
        if target is not None:
            # not before: had the plan or the command been refused, a recording would have been lost for nothing
            empty(target)
        try:
            status = batch.run(collector, options, selection_for(options, opened), out, say, stop, command)
            out.close()
        except BrokenPipeError:
            # what is still buffered must go somewhere, or closing raises once more
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), out.fileno())
            raise
    return status


def stream(fd: int) -> TextIO:
    """A text stream on its own copy of a descriptor; unencodable characters are escaped, never an error."""
    return io.TextIOWrapper(os.fdopen(os.dup(fd), "wb"), encoding="utf-8", errors="backslashreplace")


def run_live(options: Options, caller: Caller | None, given: Given) -> int:
    """The terminal UI."""
    terminal = os.dup(1)
    trap = NoiseTrap()
    try:
        with Opening(options, trap.lines) as opening:
            opening.until_compiling()
            from pftop.ui.app import run as app_run
            from pftop.ui.terminal import is_light

            # the terminal may take its time to answer
            light = options.theme is None and is_light()
            collector = collector_for(options, opening)
        with closing(collector), tempfile.TemporaryFile() as kept:
            command = None
            if options.command:
                command = Command(
                    options.command,
                    adopt=opening.opened().source.adopt,
                    caller=caller,
                    given=given,
                    stdin=subprocess.DEVNULL,
                    stdout=kept,
                    stderr=kept,
                )
            # Textual draws on sys.__stderr__
            setattr(sys, "__stderr__", stream(terminal))  # noqa: B010  final to the type checker
            status = app_run(collector, options, light=light, command=command)
            show_kept(kept, terminal)
        if status == 0 and command is not None and command.ended():
            return command.result().status
        return status
    finally:
        trap.restore()
        os.close(terminal)


def show_kept(kept: IO[bytes], terminal: int) -> None:
    """The end of what the followed command printed while the screen was pftop's."""
    size = kept.seek(0, os.SEEK_END)
    kept.seek(max(0, size - KEPT_OUTPUT_BYTES))
    with contextlib.suppress(OSError):
        os.write(terminal, kept.read())
