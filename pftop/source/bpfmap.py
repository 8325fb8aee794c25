"""Owns reading and writing BPF maps in bulk: whole maps into numpy arrays by batch system calls.

BCC's own batch iteration shares one variable between cursor and count and so breaks in its second round;
here they are apart. Reading item by item would take seconds where a batch takes milliseconds.
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Sequence
from typing import Any

import numpy as np

from pftop.events import Records, SourceError

NO_MORE = errno.ENOENT
SLACK = 1024
"""Elements that came and went while a full map was read, and the room the kernel wants for a whole bucket."""


class BulkMap:
    """A BPF hash map read whole. Its buffers are as large as the map but only touched pages take memory."""

    def __init__(self, lib: Any, fd: int, key: np.dtype[Any], value: np.dtype[Any], capacity: int) -> None:
        self._lib, self._fd, self._room = lib, fd, capacity + SLACK
        self._keys, self._values = np.empty(self._room, key), np.empty(self._room, value)

    def read(self, *, delete: bool = False) -> tuple[Records, Records]:
        """All keys and values, as arrays that the next call overwrites; with ``delete`` they leave the map at once.

        Raises SourceError when the kernel refuses.
        """
        call = self._lib.bpf_lookup_and_delete_batch if delete else self._lib.bpf_lookup_batch
        cursor = np.zeros(2, np.uint64)
        keys, values = self._keys, self._values
        done, started = 0, False
        while done < self._room:
            count = ctypes.c_uint32(self._room - done)
            status = call(
                self._fd,
                pointer(cursor, ctypes.c_uint32) if started else None,
                pointer(cursor, ctypes.c_uint32),
                keys[done:].ctypes.data_as(ctypes.c_void_p),
                values[done:].ctypes.data_as(ctypes.c_void_p),
                ctypes.byref(count),
            )
            code = ctypes.get_errno() if status < 0 else 0
            if code == errno.ENOSPC and done:
                # elements came as fast as they were read: what no longer fits is for the next reading
                break
            if code and code != NO_MORE:
                raise SourceError(
                    "reading a BPF map failed", f"bpf_lookup_batch: {errno.errorcode.get(code, code)}", "pftop doctor"
                )
            done += count.value
            started = True
            if code == NO_MORE:
                break
        return keys[:done], values[:done]


class OneElement:
    """A map of a single element: an array, or one value a possible CPU."""

    def __init__(self, lib: Any, fd: int, value: np.dtype[Any], copies: int = 1) -> None:
        self._lib, self._fd = lib, fd
        self._key = np.zeros(1, np.uint32)
        self._value = np.zeros(copies, value)

    def read(self) -> Records:
        """The value of every CPU, as an array that the next call overwrites."""
        status = self._lib.bpf_lookup_elem(
            self._fd, self._key.ctypes.data_as(ctypes.c_void_p), self._value.ctypes.data_as(ctypes.c_void_p)
        )
        if status < 0:
            raise SourceError("reading a BPF map failed", f"errno {ctypes.get_errno()}", "pftop doctor")
        return self._value

    def write(self, **members: int) -> None:
        """Set members of the value and store it whole."""
        for name, number in members.items():
            self._value[name] = number
        status = self._lib.bpf_update_elem(
            self._fd, self._key.ctypes.data_as(ctypes.c_void_p), self._value.ctypes.data_as(ctypes.c_void_p), 0
        )
        if status < 0:
            raise SourceError("writing a BPF map failed", f"errno {ctypes.get_errno()}", "pftop doctor")


class Elements:
    """A map read one element at a time, by a u32 key."""

    def __init__(self, lib: Any, fd: int, value: np.dtype[Any]) -> None:
        self._lib, self._fd, self._type = lib, fd, value

    def read(self, key: int) -> np.void | None:
        """One value; None when there is none."""
        keys, values = np.array([key], np.uint32), np.zeros(1, self._type)
        places = (array.ctypes.data_as(ctypes.c_void_p) for array in (keys, values))
        found: np.void | None = values[0] if self._lib.bpf_lookup_elem(self._fd, *places) == 0 else None
        return found

    def clear(self, count: int) -> None:
        """Delete all of the elements with the first so many keys that there are."""
        for key in range(count):
            self._lib.bpf_delete_elem(self._fd, ctypes.byref(ctypes.c_uint32(key)))


def fill_u32(lib: Any, fd: int, values: Sequence[int]) -> None:
    """All elements of an array of u32, at once."""
    keys, numbers = np.arange(len(values), dtype=np.uint32), np.array(values, np.uint32)
    count = ctypes.c_uint32(len(values))
    places = (ctypes.c_void_p(array.ctypes.data) for array in (keys, numbers))
    if lib.bpf_update_batch(fd, *places, ctypes.byref(count)) < 0:
        raise SourceError("writing a BPF map failed", f"errno {ctypes.get_errno()}", "pftop doctor")


def pointer(array: np.ndarray[Any, Any], kind: Any) -> Any:
    """A ctypes pointer to an array's first byte."""
    return array.ctypes.data_as(ctypes.POINTER(kind))
