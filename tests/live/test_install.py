"""The README's first command, for real but beside the system's own places: install, update, run, remove."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "pftop" / "install.sh"


def install(tmp_path: Path, *arguments: str, script: Path = SCRIPT) -> subprocess.CompletedProcess[str]:
    places = {"PFTOP_PREFIX": str(tmp_path / "opt"), "PFTOP_BINDIR": str(tmp_path / "bin")}
    command = ("sh", str(script), *arguments)
    return subprocess.run(command, env=os.environ | places, capture_output=True, text=True, timeout=240)


def test_install_update_and_remove(tmp_path: Path) -> None:
    command = tmp_path / "bin" / "pftop"
    for _ in range(2):
        done = install(tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(list((tmp_path / "opt").glob("venv.*"))) == 1
    # What PYTHONPATH and the working directory hold must not be run as root.
    evil = tmp_path / "evil"
    evil.mkdir()
    for name in ("pftop", "textual", "argparse"):
        (evil / f"{name}.py").write_text("raise SystemExit('evil was run')\n")
    environment = os.environ | {"PYTHONPATH": str(evil)}
    shown = subprocess.run((command, "--version"), env=environment, cwd=evil, capture_output=True, text=True)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("pftop ")
    # an update that does not start changes nothing
    broken = tmp_path / "broken"
    shutil.copytree(ROOT, broken, ignore=shutil.ignore_patterns(".*", "__pycache__", "tests", "screenshots"))
    (broken / "pftop" / "__main__.py").write_text("raise SystemExit('broken')\n")
    done = install(tmp_path, script=broken / "pftop" / "install.sh")
    assert (done.returncode, "does not start: broken" in done.stderr) == (1, True)
    assert subprocess.run((command, "--version"), capture_output=True, text=True).stdout == shown.stdout
    assert sorted(path.name[:5] for path in (tmp_path / "opt" / "bin").iterdir()) == ["pftop"]
    assert len(list((tmp_path / "opt").glob("venv.*"))) == 1
    done = install(tmp_path, "--uninstall")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not command.is_symlink()
    assert not (tmp_path / "opt").exists()


def test_what_others_put_there_stays(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pftop").write_text("mine\n")
    done = install(tmp_path)
    assert done.returncode == 1
    assert "is not this script's" in done.stderr
    (tmp_path / "bin" / "pftop").unlink()
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt" / "mine").touch()
    assert install(tmp_path).returncode == 1
    assert install(tmp_path, "--uninstall").returncode == 0
    assert (tmp_path / "opt" / "mine").exists()


@pytest.mark.parametrize(("argument", "status"), [("--help", 0), ("--nonsense", 2), ("--purge", 1)])
def test_arguments(argument: str, status: int, tmp_path: Path) -> None:
    done = install(tmp_path, argument)
    assert done.returncode == status
    assert not list(tmp_path.iterdir())
