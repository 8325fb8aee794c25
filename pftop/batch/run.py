"""Owns the batch loop: steps the feed, prints what a tick brings, ends on count, signal or command."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Protocol, TextIO

from pftop.batch.jsonl import JsonLines
from pftop.batch.plain import Csv, Plain
from pftop.batch.rows import CommandResult, Selection, family_totals
from pftop.model.feed import Feed
from pftop.model.snapshot import Snapshot, Totals
from pftop.options import Options

STEP_S = 0.1
DEFAULT_WIDTH = 120


class Following(Protocol):
    """A command that is followed."""

    def ended(self) -> bool:
        """Whether it has ended; does not wait."""

    def result(self) -> CommandResult:
        """Its end; waits for it."""


@dataclass(slots=True)
class Stop:
    """Set by a signal handler."""

    signal: int = 0


@contextmanager
def signals(stop: Stop, *, ignore_interrupt: bool) -> Iterator[None]:
    """SIGTERM, SIGHUP and SIGINT ask for an end; a second one ends at once, as by default.

    With a command the terminal sends SIGINT to it as well: it decides, and pftop reports its end.
    """

    def note(number: int, _frame: FrameType | None) -> None:
        stop.signal = number
        signal.signal(number, signal.SIG_DFL)

    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            ignored = number == signal.SIGINT and ignore_interrupt
            signal.signal(number, signal.SIG_IGN if ignored else note)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def writer_for(options: Options, out: TextIO) -> JsonLines | Csv | Plain:
    """The form asked for."""
    if options.mode == "json":
        return JsonLines(out, threads=options.threads)
    if options.mode == "csv":
        return Csv(out)
    asked = os.environ.get("COLUMNS", "")
    return Plain(out, int(asked) if asked.isdigit() else DEFAULT_WIDTH, threads=options.threads)


def run(
    feed: Feed,
    options: Options,
    selection: Selection,
    out: TextIO,
    say: Callable[[str], None],
    command: Following | None = None,
) -> int:
    """Print until the end; returns the exit status. Raises SourceError, and BrokenPipeError from ``out``."""
    writer = writer_for(options, out)
    writer.begin(feed.plan, feed.interval_s)
    out.flush()
    stop, ticks, last = Stop(), 0, None
    result: CommandResult | None = None
    with signals(stop, ignore_interrupt=command is not None):
        while True:
            over = command is not None and command.ended()
            if over or stop.signal:
                feed.tick_now()
            update = feed.step(STEP_S)
            for message in update.messages:
                say(f"libbcc: {message}")
            if options.events:
                for line in update.lines:
                    writer.fault(line)
            if update.snapshot is not None:
                ticks += 1
                last = update.snapshot
                done = over or bool(stop.signal) or ticks == options.iterations
                writer.tick(last, selection.rows(last, everything=done and selection.family))
                out.flush()
                if done:
                    break
        if command is not None and over:
            result = command.result()
    reason = "command" if over else "signal" if stop.signal else "iterations"
    writer.end(reason, end_totals(last, selection), result)
    if over and result is not None:
        return result.status
    return 128 + stop.signal if stop.signal else 0


def end_totals(last: Snapshot | None, selection: Selection) -> Totals | None:
    """Sums since start: of the command's family where one is followed, else of the machine."""
    if last is None:
        return None
    if selection.family:
        return family_totals(last.processes, last.totals_since_start)
    return last.totals_since_start
