"""Owns the naming of code addresses, behind bounded caches: the kernel's by kallsyms, a process's by the mapped file.

Not by BCC: its cache of the kernel's takes ten times the memory, and that of a process, before version 0.33, now and
then closes a descriptor of its caller's (iovisor/bcc#5193), be it a BPF map or the terminal. Never called on the
path of events: only for lines to be shown.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import stat
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pftop.mappings import MemoryMapping
from pftop.source.elf import SymbolTable, read_name, read_symbols
from pftop.source.kallsyms import KernelNames
from pftop.text import Safe, clean

MAX_FILES, MAX_FUNCTIONS, MAX_PLACES, MAX_NAMES = 256, 500_000, 2048, 8192
File = tuple[int, ...]
NEW_FILE_EVERY_S, SPARED = 0.1, 20
"""After a file was read no other is for so long, and for so many times as long as its reading took: two programs with
large tables that fault in turn would have pftop do nothing else."""
NAME_CELLS = 80
MAX_MANGLED, MAX_GROWTH, GROWTH_OF_PACK = 1024, 24, 8
"""Each reference to an earlier part may double a C++ name, each expansion of a pack multiply it by the pack's length:
one of 300 bytes would fill any memory."""
REFERENCE, PACK = re.compile(rb"[ST][0-9A-Z]*_"), re.compile(rb"Dp|sp")

K = TypeVar("K")
V = TypeVar("V")


def keep(cache: OrderedDict[K, V], key: K, value: V, most: int) -> V:
    """Put a value into a cache, and what has been there the longest out of it."""
    cache[key] = value
    if len(cache) > most:
        cache.popitem(last=False)
    return value


class Symbols:
    """Function names by process and address."""

    def __init__(self, root: Path = Path("/proc"), clock: Callable[[], float] = time.monotonic) -> None:
        self._root, self._clock = root, clock
        self._kernel: KernelNames | None = None
        self._next_new_s = clock()
        self._demangle = demangler()
        self._files: OrderedDict[File, SymbolTable | None] = OrderedDict()
        self._places: OrderedDict[tuple[int, int, MemoryMapping], File | None] = OrderedDict()
        self._names: OrderedDict[tuple[int, int, int], Safe | None] = OrderedDict()

    def kernel(self, ip: int) -> Safe | None:
        """``function+0x12`` of the kernel's; None where there is no symbol."""
        key = (-1, 0, ip)
        if key not in self._names:
            keep(self._names, key, self._kernel_name(ip), MAX_NAMES)
        return self._names[key]

    def process(self, pid: int, start_ns: int, ip: int, find: Callable[[], MemoryMapping | None]) -> Safe | None:
        """The same of a process's, in the mapping that ``find`` finds; ``start_ns`` guards against a reused PID."""
        key = (pid, start_ns, ip)
        if key in self._names:
            return self._names[key]
        mapping = find()
        if mapping is None or "x" not in mapping.perms:
            return None
        place = (pid, start_ns, mapping)
        file = self._places.get(place)
        known = file in self._files if file is not None else place in self._places
        if not known and not self._load(place):
            return None
        file = self._places[place]
        table = self._files[file] if file is not None else None
        found = table.find(ip - mapping.start + mapping.offset) if table is not None else None
        name = None
        if found is not None and (fd := self._open(pid, mapping)) is not None:
            name = self._words(read_name(fd, found[0]), found[1])
            os.close(fd)
        return keep(self._names, key, name, MAX_NAMES)

    def _load(self, place: tuple[int, int, MemoryMapping]) -> bool:
        """Find the symbols of a mapping; False when that must wait, for to read a file takes milliseconds."""
        fd = self._open(place[0], place[2])
        if fd is None:
            keep(self._places, place, None, MAX_PLACES)
            return True
        try:
            status = os.fstat(fd)
            file = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            if file not in self._files:
                began = self._clock()
                if began < self._next_new_s:
                    return False
                keep(self._files, file, read_symbols(fd), MAX_FILES)
                self._make_room()
                ended = self._clock()
                self._next_new_s = ended + max(NEW_FILE_EVERY_S, SPARED * (ended - began))
            self._files.move_to_end(file)
            keep(self._places, place, file, MAX_PLACES)
        finally:
            os.close(fd)
        return True

    def _make_room(self) -> None:
        """Forget the tables of files that have not been met for the longest, but never the latest."""
        kept = sum(len(table.starts) for table in self._files.values() if table is not None)
        while kept > MAX_FUNCTIONS and len(self._files) > 1:
            _, table = self._files.popitem(last=False)
            kept -= len(table.starts) if table is not None else 0

    def _open(self, pid: int, mapping: MemoryMapping) -> int | None:
        """The mapped file itself, deleted or in another namespace as it may be; else what is called so there."""
        process = self._root / str(pid)
        places = [f"{process}/map_files/{mapping.start:x}-{mapping.end:x}"]
        if mapping.name.startswith("/"):
            places.append(f"{process}/root{mapping.name}")
        for path in places:
            try:
                return open_regular(path)
            except (OSError, ValueError):
                continue
        return None

    def _words(self, name: bytes, inside: int) -> Safe | None:
        if name.startswith(b"_Z"):
            name = self._demangle(name)
        return clean(name + b"+0x%x" % inside, NAME_CELLS) if name else None

    def _kernel_name(self, ip: int) -> Safe | None:
        self._kernel = self._kernel or KernelNames(self._root / "kallsyms")
        found = self._kernel.find(ip)
        return self._words(*found) if found else None


def growth(name: bytes) -> int:
    """How much a mangled name may grow, as a power of two or so; what only looks like an expansion counts, too."""
    return len(REFERENCE.findall(name)) + GROWTH_OF_PACK * len(PACK.findall(name))


def demangler() -> Callable[[bytes], bytes]:
    """C++ names as they were written, where the C++ library is at hand, as it is wherever libbcc is."""
    try:
        demangle = ctypes.CDLL("libstdc++.so.6").__cxa_demangle
        free = ctypes.CDLL(None).free
    except (OSError, AttributeError):
        return bytes
    demangle.restype, free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)

    def plain(name: bytes) -> bytes:
        if len(name) > MAX_MANGLED or growth(name) > MAX_GROWTH:
            return name
        found = demangle(ctypes.c_char_p(name), None, None, None)
        if not found:
            return name
        text = ctypes.string_at(found)
        free(found)
        return text

    return plain


def open_regular(path: str) -> int:
    """A file for reading; raises OSError for anything but a regular file, without having opened it.

    The path is another's choice: to open a device may already do something (a watchdog begins to count), and its
    owner may hold a lease (fcntl(2)), which makes whoever opens it wait for most of a minute.
    """
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(place).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
        return os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    finally:
        os.close(place)
