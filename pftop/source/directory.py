"""Owns what ``/proc`` tells of processes by name: users, commands, memory, identity. Never raises.

Anything may vanish between two reads, and a PID may come to mean another process: every answer is
checked against the start time.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol, TypeVar

import psutil

from pftop.events import Identity, ProcessInfo, ProcessKey
from pftop.mappings import Mappings, MemoryMapping
from pftop.source.machine import PAGE_BYTES
from pftop.source.maps import MapsCache
from pftop.source.procstat import TICK_NS, has_ended, read_first_thread, same_process
from pftop.text import Safe, clean

MAX_COMMANDS = 16384
COMMAND_BYTES = 4096
COMM_BYTES = 15
STALE_AFTER_S = 10.0
"""A process may execute another program under the same name, rewrite its command line, or give up root's rights."""

T = TypeVar("T")


class Namer(Protocol):
    """What gives code addresses their names."""

    def kernel(self, ip: int) -> Safe | None:
        """Of the kernel's code."""

    def process(self, pid: int, start_ns: int, ip: int, find: Callable[[], MemoryMapping | None]) -> Safe | None:
        """Of a process's code, in the mapping that ``find`` finds if it is needed."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What was last read of a process that may change."""

    command: Safe
    uid: int
    """Of one that was root's when its record was made; else 0."""
    at_s: float


class Directory:
    """A ``ProcessLookup`` over ``/proc`` with bounded caches."""

    def __init__(
        self,
        namer: Namer | None = None,
        root: Path = Path("/proc"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._namer, self._clock = namer, clock
        self._maps = MapsCache(root)
        self._users: dict[int, Safe] = {}
        self._told: OrderedDict[tuple[ProcessKey, str], _Told] = OrderedDict()

    def user(self, uid: int) -> Safe:
        """A user's name, or the number where it has none."""
        if uid not in self._users:
            name = str(uid)
            with contextlib.suppress(KeyError):
                name = pwd.getpwuid(uid).pw_name
            self._users[uid] = clean(name, 32)
        return self._users[uid]

    def describe(self, keys: Iterable[tuple[ProcessKey, Safe, int]]) -> Mapping[ProcessKey, ProcessInfo]:
        """User, command and RSS for each (key, comm, uid); two small reads for one not seen before."""
        return {key: self._describe(key, comm, uid) for key, comm, uid in keys}

    def find(self, pids: Iterable[int]) -> Sequence[tuple[ProcessKey, Safe, int]]:
        """Key (start time in whole ticks), name and uid of those that live."""
        found = []
        for pid in pids:
            stat = read_first_thread(self._root, pid)
            if stat is not None:
                uid = -1
                with contextlib.suppress(OSError):
                    uid = os.stat(self._root / str(pid)).st_uid
                found.append((ProcessKey(pid, stat.start_ticks * TICK_NS), clean(stat.comm), uid))
        return found

    def _describe(self, key: ProcessKey, comm: Safe, uid: int) -> ProcessInfo:
        stat = read_first_thread(self._root, key.pid)
        alive = stat is not None and not has_ended(stat) and same_process(key, stat)
        # no memory is told of a first thread that ended before the others
        rss = stat.rss_pages * PAGE_BYTES if alive and stat and stat.state != "Z" else None
        # the kernel's own threads say what they work on, too, in more than a name has room for
        name = _name(stat.comm) if alive and stat and len(stat.comm) <= COMM_BYTES else None
        told = self._look_at(key, name or comm, alive, root=not uid)
        # who was not root when last seen stays who he was
        uid = uid or told.uid
        return ProcessInfo(self.user(uid), told.command, rss, alive, uid, name)

    def _look_at(self, key: ProcessKey, comm: Safe, alive: bool, *, root: bool) -> _Told:
        # the name is part of the cache's key: exec mostly changes both it and the command line
        entry, now = (key, str(comm)), self._clock()
        known = self._told.get(entry)
        if known is not None and not (alive and now - known.at_s >= STALE_AFTER_S):
            return known
        text = self._read_command(key.pid) if alive else b""
        command = clean(text, 512) if text else comm
        # whoever was asked for as root once is asked for again: what the kernel side tells of him may be older
        ask = alive and (root or (known is not None and known.uid != 0))
        told = _Told(command, self._read_uid(key.pid) if ask else 0, now)
        if alive:
            if known is None or known.command != command:
                # a program new to its process, and its mappings with it
                self._maps.forget(key)
            self._told[entry] = told
            self._told.move_to_end(entry)
            if len(self._told) > MAX_COMMANDS:
                self._told.popitem(last=False)
        return told

    def _read_uid(self, pid: int) -> int:
        """The real one now; not that of the directory, which is root's once a process has changed its own."""
        try:
            with open(f"{self._root}/{pid}/status", "rb", buffering=0) as file:
                return int(file.read(COMMAND_BYTES).split(b"\nUid:", 1)[1].split(None, 1)[0])
        except (OSError, IndexError, ValueError):
            return 0

    def _read_command(self, pid: int) -> bytes:
        try:
            with open(self._root / str(pid) / "cmdline", "rb") as file:
                return file.read(COMMAND_BYTES).rstrip(b"\0").replace(b"\0", b" ")
        except OSError:
            return b""

    def identify(self, key: ProcessKey) -> Identity:
        """All the drill-down says of a process; unknown where it has ended or may not be read."""
        stat = read_first_thread(self._root, key.pid)
        if stat is None or not same_process(key, stat):
            return Identity()
        try:
            process = psutil.Process(key.pid)
            with process.oneshot():
                return Identity(
                    exe=_ask(lambda: clean(process.exe() or "-", 256)),
                    cmdline=_ask(lambda: clean(" ".join(process.cmdline()) or "-", 512)),
                    user=_ask(lambda: clean(process.username(), 32)),
                    started=_ask(process.create_time),
                    threads=_ask(process.num_threads),
                    rss_bytes=_ask(lambda: int(process.memory_info().rss)),
                    swap_bytes=self._status_bytes(key.pid, b"VmSwap:"),
                    cgroup=self._cgroup(key.pid),
                    ppid=_ask(process.ppid),
                    state=_ask(lambda: clean(process.status(), 16)),
                )
        except psutil.Error:
            return Identity()

    def _status_bytes(self, pid: int, name: bytes) -> int | None:
        # psutil reads swap from smaps, which is forbidden here for its cost
        try:
            data = (self._root / str(pid) / "status").read_bytes()
            return int(data.split(b"\n" + name, 1)[1].split()[0]) * 1024
        except (OSError, IndexError, ValueError):
            return None

    def _cgroup(self, pid: int) -> Safe | None:
        """The path in the unified hierarchy, else in the memory controller's."""
        try:
            lines = (self._root / str(pid) / "cgroup").read_bytes().splitlines()
        except OSError:
            return None
        paths = {line.split(b":", 2)[1]: line.split(b":", 2)[2] for line in lines if line.count(b":") >= 2}
        path = paths.get(b"") or paths.get(b"memory")
        return clean(path, 256) if path else None

    def mapping(self, key: ProcessKey, address: int) -> MemoryMapping | None:
        """The mapping an address lies in."""
        return self._maps.find(key, address)

    def mappings(self, key: ProcessKey) -> Mappings:
        """All mappings in address order."""
        return self._maps.mappings(key)

    def symbol(self, key: ProcessKey, ip: int, kernel: bool) -> Safe | None:
        """Function and offset of a code address, the kernel's or the process's; None where there is no name."""
        if self._namer is None:
            return None
        if kernel:
            return self._namer.kernel(ip)
        return self._namer.process(key.pid, key.start_ns, ip, partial(self.mapping, key, ip))


@lru_cache(maxsize=4096)
def _name(comm: bytes) -> Safe:
    return clean(comm)


def _ask(question: Callable[[], T]) -> T | None:
    """An answer of psutil's, or None where it refuses."""
    try:
        return question()
    except (psutil.Error, OSError, ValueError):
        return None
