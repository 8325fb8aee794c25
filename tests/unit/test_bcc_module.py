"""Finding and loading BCC, on directories that only look like it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pftop.events import SourceError
from pftop.source import bcc_module

REAL = {
    "__init__.py": "from .libbcc import lib\nfrom .version import __version__\nclass BPF: where = __file__\n",
    "libbcc.py": "lib = object()\n",
    "version.py": "__version__ = '0.99.1'\n",
}
PYPI = {"__init__.py": "raise SystemExit('the unrelated bcc was run')\n"}


def package(directory: Path, files: dict[str, str]) -> Path:
    """Write a package called bcc into ``directory``."""
    target = directory / "bcc"
    target.mkdir(parents=True)
    for name, text in files.items():
        (target / name).write_text(text)
    return target


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty file system, an empty Python path, the environment and sys.modules put back afterwards."""
    root = tmp_path / "machine"
    root.mkdir()
    monkeypatch.setattr(bcc_module, "_FILESYSTEM", root)
    monkeypatch.setattr(bcc_module, "_OS_RELEASE", root / "os-release")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "python")])
    for name in (*bcc_module.BCC_READS, bcc_module.OVERRIDE):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    kept = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "bcc"}
    for name in kept:
        del sys.modules[name]
    yield root
    for name in [name for name in sys.modules if name.split(".")[0] == "bcc"]:
        del sys.modules[name]
    sys.modules.update(kept)


@pytest.fixture
def dist_packages(machine: Path) -> Path:
    return machine / "usr/lib/python3/dist-packages"


def be(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    """Have the module under test think that it runs as ``uid``."""
    monkeypatch.setattr(os, "getuid", lambda: uid)
    monkeypatch.setattr(os, "geteuid", lambda: uid)


def someone_elses(directory: Path) -> None:
    """Make the directory and what is in it not root's."""
    if os.stat(directory).st_uid == 0:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, 12345, 12345)


def test_nothing_there() -> None:
    assert bcc_module.find_bcc() is None
    with pytest.raises(SourceError) as caught:
        bcc_module.load_bcc(Path("/headers"))
    assert "not found" in caught.value.what
    assert "dist-packages: nothing" in caught.value.why
    assert caught.value.fix == bcc_module.install_hint()


def test_debian_directory(dist_packages: Path) -> None:
    where = package(dist_packages, REAL)
    assert bcc_module.find_bcc() == bcc_module.BccLocation(where, "0.99.1", "system")
    module = bcc_module.load_bcc(Path("/headers"))
    assert module is sys.modules["bcc"]
    assert module.BPF.where == str(where / "__init__.py")
    assert str(dist_packages) not in sys.path
    assert not list(where.rglob("*.pyc")), "left bytecode in the package manager's directory"


def test_finding_runs_nothing(dist_packages: Path) -> None:
    package(dist_packages, REAL | {"__init__.py": "raise SystemExit('was run')\n"})
    assert bcc_module.find_bcc() is not None
    assert "bcc" not in sys.modules


def test_newest_python_of_fedora_first(machine: Path) -> None:
    for minor in ("3.9", "3.14", "3.12"):
        package(machine / f"usr/lib/python{minor}/site-packages", REAL)
    found = bcc_module.find_bcc()
    assert found is not None
    assert "python3.14" in str(found.path)


def test_lib64(machine: Path) -> None:
    where = package(machine / "usr/lib64/python3.13/site-packages", REAL)
    assert getattr(bcc_module.find_bcc(), "path", None) == where


def test_pypi_bcc_is_refused_and_passed_over(
    tmp_path: Path, dist_packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unrelated = package(tmp_path / "python", PYPI)
    where = package(dist_packages, REAL)
    assert getattr(bcc_module.find_bcc(), "path", None) == where
    assert f"{unrelated}: an unrelated package named bcc" in bcc_module.searched()
    assert bcc_module.load_bcc(Path("/headers")).BPF.where == str(where / "__init__.py")


def test_pypi_bcc_already_imported(dist_packages: Path) -> None:
    sys.modules["bcc"] = type(sys)("bcc")
    package(dist_packages, REAL)
    assert hasattr(bcc_module.load_bcc(Path("/headers")), "BPF")


def test_libbcc_without_bpf_class(tmp_path: Path, dist_packages: Path) -> None:
    package(tmp_path / "python", REAL | {"__init__.py": "value = 1\n"})
    where = package(dist_packages, REAL)
    assert bcc_module.load_bcc(Path("/headers")).BPF.where == str(where / "__init__.py")


def test_bcc_that_does_not_load(dist_packages: Path) -> None:
    package(dist_packages, REAL | {"libbcc.py": "raise OSError('libbcc.so.0: cannot open')\n"})
    with pytest.raises(SourceError) as caught:
        bcc_module.load_bcc(Path("/headers"))
    assert "cannot be loaded" in caught.value.what
    assert "libbcc.so.0: cannot open" in caught.value.why
    assert "bcc" not in sys.modules


def test_twice_gives_the_same_module(dist_packages: Path) -> None:
    package(dist_packages, REAL)
    first = bcc_module.load_bcc(Path("/one"))
    assert bcc_module.load_bcc(Path("/two")) is first
    assert os.environ["BCC_KERNEL_SOURCE"] == "/two"


def test_environment_is_cleared_before_the_import(dist_packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in bcc_module.BCC_READS:
        monkeypatch.setenv(name, "$(touch /tmp/owned)")
    seen = REAL["__init__.py"] + "import os\nseen = dict(os.environ)\n"
    package(dist_packages, REAL | {"__init__.py": seen})
    module = bcc_module.load_bcc(Path("/headers"))
    assert {k: v for k, v in module.seen.items() if k in bcc_module.BCC_READS} == {"BCC_KERNEL_SOURCE": "/headers"}


@pytest.mark.parametrize("tail", ["", "bcc"])
def test_override_comes_first(
    tail: str, tmp_path: Path, dist_packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(dist_packages, REAL)
    where = package(tmp_path / "mine", REAL)
    be(monkeypatch, 1000)
    monkeypatch.setenv(bcc_module.OVERRIDE, str(tmp_path / "mine" / tail))
    found = bcc_module.find_bcc()
    assert found is not None
    assert (found.path, found.origin) == (where, "override")


def test_override_of_another_user_is_not_run_as_root(
    tmp_path: Path,
    dist_packages: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    where = package(dist_packages, REAL)
    package(tmp_path / "evil", PYPI | {"libbcc.py": ""})
    someone_elses(tmp_path / "evil")
    be(monkeypatch, 0)
    monkeypatch.setenv(bcc_module.OVERRIDE, str(tmp_path / "evil"))
    assert bcc_module.load_bcc(Path("/headers")).BPF.where == str(where / "__init__.py")
    assert "is ignored" in capsys.readouterr().err
    assert "not owned by root" in bcc_module.searched()[0]


def test_override_that_others_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = package(tmp_path / "open", REAL)
    where.parent.chmod(0o777)
    monkeypatch.setenv(bcc_module.OVERRIDE, str(where.parent))
    be(monkeypatch, 0)
    assert bcc_module.find_bcc() is None


def test_sticky_parent_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In /tmp nobody can replace what root put there."""
    where = package(tmp_path / "tmp" / "mine", REAL)
    (tmp_path / "tmp").chmod(0o777 | stat.S_ISVTX)
    monkeypatch.setattr(bcc_module, "_owner", lambda status: 0)
    be(monkeypatch, 0)
    monkeypatch.setenv(bcc_module.OVERRIDE, str(where.parent))
    assert getattr(bcc_module.find_bcc(), "path", None) == where


@pytest.mark.parametrize("value", ["relative/dir", "/no/such/directory"])
def test_override_that_is_no_directory(value: str, dist_packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = package(dist_packages, REAL)
    monkeypatch.setenv(bcc_module.OVERRIDE, value)
    assert getattr(bcc_module.find_bcc(), "path", None) == where
    assert "is ignored" in bcc_module.searched()[0]


def test_override_is_ignored_under_setuid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path / "mine", REAL)
    monkeypatch.setenv(bcc_module.OVERRIDE, str(tmp_path / "mine"))
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert bcc_module.find_bcc() is None


def test_python_path_of_another_user_is_not_run_as_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path / "python", REAL)
    someone_elses(tmp_path / "python")
    be(monkeypatch, 0)
    assert bcc_module.find_bcc() is None
    be(monkeypatch, 1000)
    assert bcc_module.find_bcc() is not None


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=debian\n", "apt-get install python3-bpfcc"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt-get install python3-bpfcc"),
        ("ID=fedora\n", "dnf install python3-bcc"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install python3-bcc"),
        ("ID=arch\n", "pacman -S python-bcc"),
        ('ID="opensuse-tumbleweed"\n', "zypper install python3-bcc"),
    ],
)
def test_install_hint(release: str, command: str, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "os-release").write_text(release)
    be(monkeypatch, 1000)
    assert bcc_module.install_hint() == f"sudo {command}"
    be(monkeypatch, 0)
    assert bcc_module.install_hint() == command


def test_install_hint_goes_by_path_without_os_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "BCC Python package" in bcc_module.install_hint()
    tool = tmp_path / "pacman"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    assert bcc_module.install_hint().endswith("pacman -S python-bcc")


def test_hostile_version_is_not_repeated(dist_packages: Path) -> None:
    package(dist_packages, REAL | {"version.py": "__version__ = '\x1b[2Jno'\n"})
    found = bcc_module.find_bcc()
    assert found is not None
    assert found.version is None
