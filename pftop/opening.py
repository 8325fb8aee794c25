"""Owns opening the source beside all else a start does: the compiler takes most of it, outside Python's lock."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Self

from pftop.options import Options
from pftop.source.kernel import gather, mount_tracefs
from pftop.source.memory import release_compiler_memory, share_heaps
from pftop.source.open import Limits, Opened, open_source
from pftop.text import Safe

NUMPY_SETS = ("OPENBLAS_MAIN_FREE", "GOTOBLAS_MAIN_FREE")
NUMPY_READS = "OPENBLAS_NUM_THREADS"


def settle_environment() -> None:
    """Do now what imports would do to the environment later, beside the compiler: it reads it outside Python's lock.

    numpy sets variables while it is imported, unless they are set; the UI's package removes some and sets others.
    And numpy would start a thread a CPU for linear algebra, of which pftop does none: as much work as all else of it.
    """
    os.environ[NUMPY_READS] = "1"
    for name in NUMPY_SETS:
        os.environ.setdefault(name, "1")
    import_module("pftop.ui")


class Opening:
    """A thread that finds the facts, compiles and attaches.

    What it needs before it can compile is pure Python, and short of numpy: ``until_compiling`` keeps the one who made
    this from taking Python's lock for imports of its own meanwhile.
    """

    def __init__(self, options: Options, noise: Callable[[], Sequence[Safe]]) -> None:
        """Begins at once; the environment is settled by now. ``noise`` tells what libbcc printed."""
        self._options, self._noise = options, noise
        self._result: Opened | BaseException | None = None
        self._abandoned = False
        self._compiling, self._over = threading.Event(), threading.Event()
        threading.Thread(target=self._work, name="opening").start()

    def _work(self) -> None:
        try:
            if not self._options.readonly:
                mount_tracefs()
            limits = Limits(log_rate=self._options.log_rate, min_latency_ns=self._options.min_latency_ns)
            self._result = open_source(gather(), self._options.probe, limits, self._noise, self._before_compiling)
        except BaseException as error:
            self._result = error
        finally:
            share_heaps()
            self._compiling.set()
            self._over.set()
        # nobody waits for this
        release_compiler_memory()

    def _before_compiling(self) -> None:
        if self._abandoned:
            raise KeyboardInterrupt
        self._compiling.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Where the start is broken off: wait for the compiler, which cannot be, and take off what was attached."""
        if kind is None:
            return
        self._abandoned = True
        while not self._over.is_set():
            # another Ctrl-C asks for no more than the one before
            with contextlib.suppress(KeyboardInterrupt):
                self._over.wait()
        if isinstance(self._result, Opened):
            self._result.source.close()

    def until_compiling(self) -> None:
        """Wait until the compiler is at work, or nothing is to be compiled."""
        self._compiling.wait()

    def opened(self) -> Opened:
        """Wait for the end; raises what opening raised."""
        # what comes behind the compiler will need these
        import_module("pftop.source.live")
        import_module("pftop.source.directory")
        import_module("pftop.source.symbols")
        self._over.wait()
        if isinstance(self._result, BaseException):
            raise self._result
        assert self._result is not None
        return self._result
