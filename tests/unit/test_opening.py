"""Opening in a thread: who waits for what, and what becomes of it when the start is broken off."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from pftop import opening
from pftop.events import SourceError
from pftop.opening import Opening
from pftop.options import Options
from pftop.source.open import Opened


class FakeSource:
    """Stands for a compiler that takes as long as it is told to, and for what it made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begin, self.end = threading.Event(), threading.Event()
        self.compiled = self.closed = 0
        self.refusal: SourceError | None = None
        monkeypatch.setattr(opening, "open_source", self.open)
        self.mounts = 0
        monkeypatch.setattr(opening, "mount_tracefs", self.mount)
        monkeypatch.setattr(opening, "gather", lambda: None)
        monkeypatch.setattr(opening, "release_compiler_memory", lambda: None)
        self.shared: list[int] = []
        """How much was compiled when heaps came to be shared."""
        monkeypatch.setattr(opening, "share_heaps", lambda: self.shared.append(self.compiled))

    def open(self, _facts: Any, _probe: str, _limits: Any, _noise: Any, compiling: Callable[[], None]) -> Opened:
        assert self.begin.wait(10)
        if self.refusal is not None:
            raise self.refusal
        compiling()
        self.compiled += 1
        assert self.end.wait(10)
        return Opened(SimpleNamespace(close=self.close), None, ())  # type: ignore[arg-type]

    def close(self) -> None:
        self.closed += 1

    def mount(self) -> None:
        self.mounts += 1


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    return FakeSource(monkeypatch)


def begun(options: Options | None = None) -> Opening:
    return Opening(options or Options(), lambda: ())


def test_who_waits_for_the_compiler_goes_on_while_it_works(source: FakeSource) -> None:
    with begun() as under_way:
        source.begin.set()
        under_way.until_compiling()
        assert not source.end.is_set()
        source.end.set()
        assert under_way.opened() is under_way.opened()
        # not before the compiler is through, and in time for the threads of a view
        assert source.shared == [1]
    assert (source.compiled, source.closed) == (1, 0)


def broken_off(meanwhile: Callable[[Opening], None]) -> None:
    """Begun, and interrupted."""
    with begun() as under_way:
        meanwhile(under_way)
        raise KeyboardInterrupt


def test_what_opening_raised_is_raised_where_it_is_waited_for(source: FakeSource) -> None:
    source.refusal = SourceError("no", "because", "try")
    source.begin.set()
    under_way = begun()
    under_way.until_compiling()
    with pytest.raises(SourceError, match="no"):
        under_way.opened()


def test_a_start_broken_off_leaves_nothing_attached(source: FakeSource) -> None:
    source.begin.set()

    def until_it_compiles(under_way: Opening) -> None:
        under_way.until_compiling()
        threading.Timer(0.05, source.end.set).start()

    with pytest.raises(KeyboardInterrupt):
        broken_off(until_it_compiles)
    assert (source.compiled, source.closed) == (1, 1)


def test_a_start_broken_off_early_compiles_nothing(source: FakeSource) -> None:
    with pytest.raises(KeyboardInterrupt):
        broken_off(lambda _: threading.Timer(0.05, source.begin.set).start())
    assert (source.compiled, source.closed) == (0, 0)


@pytest.mark.parametrize(("readonly", "mounts"), [(False, 1), (True, 0)])
def test_readonly_mounts_nothing(source: FakeSource, readonly: bool, mounts: int) -> None:
    source.begin.set()
    source.end.set()
    with begun(Options(readonly=readonly)) as under_way:
        under_way.opened()
    assert source.mounts == mounts
