"""Owns the ``Feed`` protocol: what a view is handed, and all it may ask of the layers before it."""

from __future__ import annotations

from typing import Protocol

from pftop.events import PlanInfo, ProcessKey
from pftop.model.snapshot import Update


class Feed(Protocol):
    """A stream of updates. ``step`` runs in one worker thread; the setters are safe from any thread."""

    @property
    def plan(self) -> PlanInfo:
        """The plan that runs."""

    @property
    def interval_s(self) -> float:
        """Seconds between snapshots, as asked for."""

    def set_interval(self, seconds: float) -> None:
        """Change the time between snapshots, from the next one on."""

    def step(self, timeout_s: float) -> Update:
        """Wait up to ``timeout_s`` for news; the update has a snapshot when a tick was due. Raises SourceError."""

    def tick_now(self) -> None:
        """Take a snapshot at once, be it in the step that is under way."""

    def wake(self) -> None:
        """End the wait of the step that is under way."""

    def focus(self, key: ProcessKey | None) -> None:
        """Have ``Snapshot.detail`` filled for this process from the next snapshot on, or no more."""

    def prefer(self, pids: frozenset[int] | None) -> None:
        """Where more is logged than can be read, have lines of these processes first; None: of no one."""

    def set_log(self, enabled: bool) -> None:
        """Resolve logged faults into lines, or leave them unread (they are counted all the same)."""

    def measure_cost(self, enabled: bool) -> None:
        """Have ``Snapshot.cost`` say what the BPF programs cost; on only while it is shown, for it costs too."""

    def close(self) -> None:
        """Detach everything; may be called twice."""
