"""Owns what a workload is: its expectation as data, and what it is handed when it runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pftop.lab.memory import Area

Kind = Literal["minor", "major", "failed", "invalid", "either"]
"""What the faults count as; ``either`` of minor and major where kernel versions differ."""
Access = Literal["read", "write", "exec"]
Run = Callable[[], None]


class Unavailable(Exception):
    """The workload cannot be made on this machine; the text says why in one line."""


@dataclass(slots=True)
class Job:
    """One preparation of a workload."""

    count: int
    folder: Path
    """Where files go: for faults on files, a folder on a device."""
    warm_up: bool = False
    areas: list[Area] = field(default_factory=list)
    """Memory that must not be touched before the run."""

    def keep(self, area: Area) -> Area:
        """Leave this area alone until the run."""
        self.areas.append(area)
        return area


Prepare = Callable[[Job], AbstractContextManager[Run]]


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of fault on demand, and what every observer is to see of it."""

    name: str
    title: str
    explains: str
    """Two to four sentences for people who learn."""
    cause: str
    """Its name in ``pftop.causes``."""
    kind: Kind
    access: Access
    exact: int | None
    """How many faults, where that can be known."""
    at_least: int
    prepare: Prepare
    """Sets all up, yields what does the faults and nothing else, and clears up."""
    at_most: int | None = None
    latency_floor_ns: int = 0
    """No fault of it can be quicker."""
    needs: tuple[str, ...] = ()
    """What a machine must have: root, swap, hugetlb, thp, userfaultfd, device, pkey, hwpoison."""
    perf_cause: str | None = None
    """What plans name that know ``/proc/PID/maps`` only; None: the same."""

    @property
    def fatal(self) -> bool:
        """Whether the process dies of it."""
        return self.kind == "invalid"

    def with_count(self, count: int) -> Workload:
        """The same expectation for another number of faults."""
        if self.fatal:
            return self
        most = None if self.at_most is None else self.at_most // self.at_least * count
        return replace(self, exact=None if self.exact is None else count, at_least=count, at_most=most)
