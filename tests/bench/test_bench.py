"""Every benchmark runs, in its short form, and brings every figure it can bring here; none is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import main, show
from tests.bench.report import MISSING, Setting, holes
from tests.bench.sections import SECTIONS
from tests.live.harness import ROOT


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return Setting(tmp_path_factory.mktemp("bench"), rounds=1, quick=True)


@pytest.mark.bench
@pytest.mark.parametrize("name", list(SECTIONS))
def test_every_figure_is_there(name: str, setting: Setting) -> None:
    result = SECTIONS[name](setting)
    print(f"\n== {name}, short form: python -m tests.bench measures properly ==")
    show(result)
    assert result.tables
    assert list(holes(result.figures)) == []


@pytest.mark.bench
def test_the_command_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "figures.json"
    assert main(["--quick", "--only", "paper", "--json", str(target)]) == 0
    assert "memory by formula" in capsys.readouterr().out
    found = json.loads(target.read_text())
    assert list(found["sections"]) == ["paper"]
    assert list(holes(found["sections"])) == []


@pytest.mark.bench
def test_the_soak_is_a_command_too() -> None:
    argv = [sys.executable, "-m", "tests.bench.soak", "--help"]
    assert "--seconds" in subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_a_hole_is_a_figure_that_should_be_there() -> None:
    assert list(holes({"a": 1.0, "b": {"c": [1, 2]}})) == []
    assert list(holes({"a": None, "b": {"c": [1, float("nan")]}, "d": {}})) == [
        "/a: None",
        "/b/c/1: nan",
        "/d: empty",
    ]
    assert list(holes({"a": {MISSING: "perf is not installed", "b": None}})) == []
