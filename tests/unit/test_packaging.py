"""The wheel: what a user's machine gets has to be all that pftop needs, and nothing it must not have."""

from __future__ import annotations

import email.message
import email.parser
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps")
    command = (*pip, "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(CHECKOUT))
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("pftop-*.whl")
    return zipfile.ZipFile(built)


@pytest.fixture(scope="module")
def names(wheel: zipfile.ZipFile) -> set[str]:
    return set(wheel.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> email.message.Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.parser.BytesParser().parsebytes(wheel.read(name))


def files_of(folder: str) -> set[str]:
    """Files under a folder of the checkout, caches left out."""
    found = (path for path in (CHECKOUT / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(CHECKOUT / folder)) for path in found if "__pycache__" not in path.parts}


def test_every_bpf_file_is_in(wheel: zipfile.ZipFile, names: set[str]) -> None:
    expected = files_of("bpf")
    assert "fault.h" in expected
    assert any(name.startswith("include/") for name in expected)
    assert {name.removeprefix("pftop/_bpf/") for name in names if name.startswith("pftop/_bpf/")} == expected
    for name in expected:
        assert wheel.read(f"pftop/_bpf/{name}") == (CHECKOUT / "bpf" / name).read_bytes()


def test_every_module_and_style_sheet_is_in(names: set[str]) -> None:
    expected = {f"pftop/{name}" for name in files_of("pftop")}
    assert "pftop/ui/app.tcss" in expected
    assert expected <= names


def test_nothing_else_is_in(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"pftop"}
    assert not [name for name in names if name.endswith(".pyc")]


def test_entry_point(wheel: zipfile.ZipFile, names: set[str]) -> None:
    (name,) = (name for name in names if name.endswith(".dist-info/entry_points.txt"))
    assert re.search(r"^pftop\s*=\s*pftop\.__main__:main$", wheel.read(name).decode(), re.MULTILINE)


def test_requirements_name_no_bcc(metadata: email.message.Message) -> None:
    required = [str(line).lower() for line in metadata.get_all("Requires-Dist", [])]
    projects = {re.split(r"[^\w.-]", line)[0] for line in required}
    assert {"textual", "psutil", "humanize", "numpy"} <= projects
    assert not projects & {"bcc", "bpfcc", "python3-bpfcc"}


def test_python_and_version(metadata: email.message.Message) -> None:
    import pftop

    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Version"] == pftop.__version__
