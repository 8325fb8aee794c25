"""Owns what the app has been told so far: the latest snapshot, the log's lines and the messages, all bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from pftop.events import ProcessKey
from pftop.model.own_cost import lowered
from pftop.model.snapshot import LogLine, Snapshot, Update
from pftop.text import Safe, clean

LINES_KEPT = 5000
PROCESS_LINES_KEPT = 2000
MESSAGES_KEPT = 500


class Store:
    """Filled by the app's one worker; panes pull from it what they have not seen yet."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None
        self.lines: deque[LogLine] = deque(maxlen=LINES_KEPT)
        self.arrived = 0
        """Lines ever taken in; the last in ``lines`` has the number before this one."""
        self.not_shown = 0
        """Logged faults that never became lines, being more than anyone can read."""
        self.messages: deque[Safe] = deque(maxlen=MESSAGES_KEPT)
        self.unread = 0
        """Messages since somebody looked."""
        self._kept_for: ProcessKey | None = None
        self._kept: deque[tuple[int, LogLine]] = deque(maxlen=PROCESS_LINES_KEPT)

    def take(self, update: Update) -> None:
        """Add what one step brought."""
        if update.snapshot is not None:
            self._note_restraint(update.snapshot)
            self.snapshot = update.snapshot
        if self._kept_for is not None:
            numbered = enumerate(update.lines, self.arrived)
            self._kept.extend(pair for pair in numbered if pair[1].key == self._kept_for)
        self.lines.extend(update.lines)
        self.arrived += len(update.lines)
        self.not_shown += update.not_shown
        self.messages.extend(update.messages)
        self.unread += len(update.messages)

    def _note_restraint(self, snapshot: Snapshot) -> None:
        """A message when pftop does more or less than before, to cost no more than it may."""
        before = lowered(self.snapshot) if self.snapshot is not None else ""
        now = lowered(snapshot)
        if snapshot.restraint is not None and now != before:
            said = f"{now}; the counts stay exact" if now else "everything as asked for again"
            self.note(clean(f"--max-overhead {snapshot.restraint.limit_percent:g}: {said}"))

    def note(self, message: Safe) -> None:
        """A message more."""
        self.messages.append(message)
        self.unread += 1

    def since(self, number: int) -> Iterator[tuple[int, LogLine]]:
        """Lines from this number on that are still kept, with their numbers."""
        first = self.arrived - len(self.lines)
        for index in range(max(number - first, 0), len(self.lines)):
            yield first + index, self.lines[index]

    def keep_for(self, key: ProcessKey | None) -> None:
        """Keep this process's lines apart, so that those of busier ones do not push them out."""
        if key == self._kept_for:
            return
        self._kept_for = key
        self._kept.clear()
        if key is not None:
            self._kept.extend(pair for pair in self.since(0) if pair[1].key == key)

    def kept_since(self, number: int) -> list[tuple[int, LogLine]]:
        """The lines kept apart from this number on."""
        return [pair for pair in self._kept if pair[0] >= number]
