"""Owns why the depth of a process is not there to be shown: it will be, it is held back, or it never was counted."""

from __future__ import annotations

from pftop.model.snapshot import ProcessRow

WAITING = "counting; shown from the next tick on"
HELD = "the picture is paused; p lets it go on"
ENDED = "the process has ended: no more is known"


def why_waiting(row: ProcessRow | None, *, paused: bool, new: bool = False) -> str:
    """What stands where the depth would; ``new``: no tick has come yet that could have brought it.

    Of one that has ended lately all is still known, once it was asked for.
    """
    if not new and (row.exited if row is not None else not paused):
        return ENDED
    return HELD if paused else WAITING
