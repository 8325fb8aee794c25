"""Owns the batch loop: steps the feed, prints what a tick brings, ends on count, signal or command."""

from __future__ import annotations

import io
import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Protocol, TextIO

from pftop.batch.jsonl import JsonLines
from pftop.batch.plain import Csv, Plain
from pftop.batch.rows import CommandResult, Selection, family_totals
from pftop.model.feed import Feed
from pftop.model.snapshot import Restraint, Snapshot, Totals, Update
from pftop.options import Options

STEP_S, QUIET_STEP_S = 0.1, 0.5
"""Each step saved is one time less that pftop takes a CPU from others. A signal ends the wait for the kernel."""
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
def signals(stop: Stop, *, following: bool) -> Iterator[None]:
    """SIGTERM, SIGHUP and SIGINT ask for an end; a second one ends at once, as by default.

    With a command the terminal sends SIGINT to it as well: it decides, and pftop reports its end. Held from before
    the command is started, which inherits no handler. What is ignored already stays so, for the command too: that is
    nohup(1), or a shell's background. Only SIGINT ends a pftop in the background, as it does perf and bpftrace.
    """

    def note(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and following:
            return
        stop.signal = number
        signal.signal(number, signal.SIG_DFL)

    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    before = {
        number: handler
        for number, handler in before.items()
        if handler != signal.SIG_IGN or (number == signal.SIGINT and not following)
    }
    for number in before:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def poller_of(out: TextIO) -> select.poll:
    """Tells, with no wait, that nobody reads ``out`` any more: on a quiet machine no write would find out."""
    poller = select.poll()
    with suppress(io.UnsupportedOperation):
        poller.register(out.fileno(), 0)  # no event asked for: an error or a hang-up is always told
    return poller


def writer_for(options: Options, out: TextIO) -> JsonLines | Csv | Plain:
    """The form asked for."""
    if options.mode == "json":
        return JsonLines(out, threads=options.threads)
    if options.mode == "csv":
        return Csv(out)
    asked, family = os.environ.get("COLUMNS", ""), bool(options.command)
    return Plain(
        out,
        int(asked) if asked.isdecimal() and len(asked) < 10 else DEFAULT_WIDTH,
        threads=options.threads,
        restricted=family or bool(options.pids or options.filter_text.strip()) or options.uid is not None,
        family=family,
    )


def run(
    feed: Feed,
    options: Options,
    selection: Selection,
    out: TextIO,
    say: Callable[[str], None],
    stop: Stop,
    command: Following | None = None,
) -> int:
    """Print until the end; returns the exit status. Raises SourceError, and BrokenPipeError from ``out``."""
    loop = Loop(feed, options, selection, out, say, command, writer_for(options, out))
    reason = loop.go(stop)
    result = command.result() if command is not None and reason == "command" else None
    loop.writer.end(reason, end_totals(loop.last, selection), result)
    if result is not None:
        return result.status
    return 128 + stop.signal if reason == "signal" else 0


@dataclass(slots=True)
class Loop:
    """Ticks, printed as they come."""

    feed: Feed
    options: Options
    selection: Selection
    out: TextIO
    say: Callable[[str], None]
    command: Following | None
    writer: JsonLines | Csv | Plain
    last: Snapshot | None = None
    ticks: int = 0
    lowered: set[str] = field(default_factory=set)
    """Steps that have been said."""

    def go(self, stop: Stop) -> str:
        """Until there is a reason to end, which is returned."""
        self.writer.begin(self.feed.plan, self.feed.interval_s)
        self.out.flush()
        reader = poller_of(self.out)
        step_s = self.step_s()
        while True:
            if reader.poll(0):
                raise BrokenPipeError
            reason = "command" if self.command is not None and self.command.ended() else ""
            if not reason and stop.signal:
                reason = "signal"
            if reason:
                self.feed.tick_now()
            ended = self.show(self.feed.step(step_s), reason)
            if ended:
                return ended

    def step_s(self) -> float:
        """Short where a command may end, or single faults are awaited."""
        return STEP_S if self.command is not None or self.options.events else QUIET_STEP_S

    def show(self, update: Update, reason: str) -> str:
        """Print what a step brought; returns why it was the last, or nothing."""
        for message in update.messages:
            self.say(message)
        if self.options.events:
            for line in update.lines:
                self.writer.fault(line)
        if update.snapshot is None:
            return ""
        self.ticks += 1
        self.last = update.snapshot
        self.say_lowered(update.snapshot.restraint)
        if not reason and self.ticks == self.options.iterations:
            reason = "iterations"
        everything = bool(reason) and self.selection.family
        self.writer.tick(self.last, self.selection.rows(self.last, everything=everything))
        self.out.flush()
        return reason

    def say_lowered(self, restraint: Restraint | None) -> None:
        """Each step that pftop is lowered by, once."""
        new = [step for step in restraint.steps if step not in self.lowered] if restraint is not None else []
        if restraint is not None and new:
            self.lowered.update(new)
            self.say(f"over --max-overhead {restraint.limit_percent:g}: {', '.join(new)}; the counts stay exact")


def end_totals(last: Snapshot | None, selection: Selection) -> Totals | None:
    """Sums since start: of the command's family where one is followed, else of the machine."""
    if last is None:
        return None
    if selection.family:
        return family_totals(last.processes, last.totals_since_start)
    return last.totals_since_start
