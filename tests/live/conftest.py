"""Owns the live tier's fixtures; where it runs, a failure to load is a failure."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.harness import PLANS, Pftop, Program, compile_program

pytestmark = pytest.mark.live


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/live/" in str(item.path):
            item.add_marker("live")
            if os.geteuid() != 0:
                item.add_marker(pytest.mark.skip(reason="DID NOT RUN: the live tier needs root"))


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    directory = tmp_path_factory.mktemp("programs")
    built: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in built:
            built[name] = compile_program(name, directory)
        return built[name]

    return get


@pytest.fixture
def start() -> Iterator[Callable[..., Program]]:
    programs: list[Program] = []

    def go(*argv: str | Path) -> Program:
        programs.append(Program(*argv))
        return programs[-1]

    yield go
    for program in programs:
        program.close()


@pytest.fixture
def pftop(request: pytest.FixtureRequest) -> Iterator[Callable[..., Pftop]]:
    """Starts it, under the best plan or the one the test is parametrized by."""
    running: list[Pftop] = []

    def go(*options: str, **settings: str) -> Pftop:
        settings.setdefault("probe", getattr(request, "param", PLANS[0]))
        running.append(Pftop(*options, **settings))
        return running[-1]

    yield go
    for one in running:
        one.close()
