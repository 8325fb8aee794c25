"""The guest itself: a test run in it becomes results out here, and a guest that hangs or dies says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from . import guest, kernels

pytestmark = pytest.mark.vm

NEWEST = kernels.KERNELS[-1].name
INNER_TESTS = """
import os, pytest
def test_passes(): assert os.getpid() > 1
def test_fails(): assert os.path.exists("/nowhere")
@pytest.mark.skip(reason="not today")
def test_skips(): pass
"""


def test_pytest_in_the_guest_is_reported_test_by_test(
    image_of: Callable[[str], kernels.Image], tmp_path: Path
) -> None:
    inner = tmp_path / "test_inner.py"
    inner.write_text(INNER_TESTS)
    outcomes = guest.run_pytest(image_of(NEWEST), ["--rootdir", str(tmp_path), str(inner)])
    assert [(one.test, one.outcome) for one in outcomes] == [
        ("test_inner::test_passes", "passed"),
        ("test_inner::test_fails", "failed"),
        ("test_inner::test_skips", "skipped"),
    ]
    assert "/nowhere" in outcomes[1].text
    assert "not today" in outcomes[2].text


@pytest.mark.parametrize(
    ("command", "limit", "told"),
    [
        pytest.param("sleep 1000", 15, "no status after 15 s (limit 15 s)", id="hangs"),
        pytest.param("echo c > /proc/sysrq-trigger", 60, "sysrq", id="panics"),
    ],
)
def test_a_guest_without_a_status_says_why(
    image_of: Callable[[str], kernels.Image], command: str, limit: float, told: str
) -> None:
    image = image_of(NEWEST)
    with guest.shared_folder() as share:
        result = guest.run(image, ["sh", "-c", f"echo begun; {command}"], share=share, limit=limit)
    assert result.status is None
    assert result.output.startswith("begun\n")
    assert told in result.output
    assert result.seconds < limit + 5
