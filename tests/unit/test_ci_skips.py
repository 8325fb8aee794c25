"""With CI=true a skipped test is a failure, unless the kernel is what lacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
CASES = """
import pytest
def test_passes(): pass
def test_skips(): pytest.skip("no tmux")
@pytest.mark.skip(reason="not ready")
def test_marked(): pass
def test_kernel(): pytest.skip("not on this kernel: no kprobes")
@pytest.mark.xfail
def test_known(): assert False
"""
MODULE = 'import pytest\npytest.skip("nothing here", allow_module_level=True)\n'


def run(folder: Path, ci: str, text: str) -> tuple[int, str, str]:
    """Exit status, output and counts of a pytest run over ``text``."""
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_it.py").write_text(text)
    counts = folder / "counts"
    environment = os.environ | {"CI": ci, "PFTOP_TEST_COUNTS": str(counts)}
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder))
    done = subprocess.run(
        (*command, str(folder)), cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, counts.read_text().strip()


def test_in_ci(tmp_path: Path) -> None:
    status, output, counts = run(tmp_path, "true", CASES)
    assert (status, counts) == (1, "1 2 2")
    assert "skipped, which is a failure with CI=true: no tmux" in output
    assert "!! SKIPPED test_it.py::test_kernel: not on this kernel: no kprobes" in output


@pytest.mark.parametrize(("ci", "expected"), [("true", (2, "0 1 0")), ("", (5, "0 0 1"))])
def test_whole_module(tmp_path: Path, ci: str, expected: tuple[int, str]) -> None:
    status, _output, counts = run(tmp_path, ci, MODULE)
    assert (status, counts) == expected


def test_at_home(tmp_path: Path) -> None:
    assert run(tmp_path, "", CASES)[::2] == (0, "1 0 4")
