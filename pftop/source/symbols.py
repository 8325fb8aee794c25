"""Owns the naming of code addresses: BCC's resolver behind a bounded cache.

BCC keeps one symbol cache a process for ever and never frees one; here the least recently used ones are
freed, and names already found are kept. Never called on the path of events: only for lines to be shown.
"""

from __future__ import annotations

import ctypes
import time
from collections import OrderedDict
from types import ModuleType
from typing import Any

from pftop.text import Safe, clean

MAX_PROCESSES = 24
MAX_NAMES = 8192
NEW_PROCESS_EVERY_S = 0.1


class Symbols:
    """Function names by process and address."""

    def __init__(self, bcc: ModuleType) -> None:
        self._lib: Any = bcc.libbcc.lib
        self._types: Any = bcc.libbcc
        self._caches: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._last_new_s = 0.0
        self._names: OrderedDict[tuple[int, int, int], Safe | None] = OrderedDict()

    def resolve(self, pid: int, start_ns: int, ip: int) -> Safe | None:
        """``function+0x12``, or None where there is no symbol; start_ns guards against a reused PID."""
        key = (pid, start_ns, ip)
        if key not in self._names:
            if (pid, start_ns) not in self._caches and not self._may_add():
                return None
            self._names[key] = self._look_up(pid, start_ns, ip)
            if len(self._names) > MAX_NAMES:
                self._names.popitem(last=False)
        return self._names[key]

    def _may_add(self) -> bool:
        """Whether a process more may be looked at: reading its libraries takes milliseconds."""
        now = time.monotonic()
        if now - self._last_new_s < NEW_PROCESS_EVERY_S:
            return False
        self._last_new_s = now
        return True

    def _look_up(self, pid: int, start_ns: int, ip: int) -> Safe | None:
        symbol = self._types.bcc_symbol()
        cache = self._cache(pid, start_ns)
        if not cache or self._lib.bcc_symcache_resolve(cache, ip, ctypes.byref(symbol)) < 0:
            return None
        try:
            name = ctypes.cast(symbol.demangle_name, ctypes.c_char_p).value or b""
        finally:
            self._lib.bcc_symbol_free_demangle_name(ctypes.byref(symbol))
        return clean(name + b"+0x%x" % symbol.offset, 80) if name else None

    def _cache(self, pid: int, start_ns: int) -> Any:
        key = (pid, start_ns)
        if key in self._caches:
            self._caches.move_to_end(key)
            return self._caches[key]
        option = self._types.bcc_symbol_option()
        option.use_debug_file = 0
        option.check_debug_file_crc = 0
        option.lazy_symbolize = 1
        option.use_symbol_type = (1 << 2) | (1 << 10)  # STT_FUNC, STT_GNU_IFUNC
        self._caches[key] = self._lib.bcc_symcache_new(pid, ctypes.byref(option))
        if len(self._caches) > MAX_PROCESSES:
            _, oldest = self._caches.popitem(last=False)
            self._lib.bcc_free_symcache(oldest, -1)
        return self._caches[key]
