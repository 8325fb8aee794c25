"""Owns finding and loading the distribution's BCC Python module from any CPython.

BCC's Python half is pure ctypes, so every CPython can load the package that the distribution installed
for its own. PyPI's package called ``bcc`` is an unrelated one and is passed over wherever it stands.
The code runs as root: what another user could have written is not loaded.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from pftop.events import SourceError

OVERRIDE = "PFTOP_BCC_PATH"
"""Names a directory that holds ``bcc/``; looked at first."""

BCC_READS = (
    "ARCH",
    "BCC_DEBUGINFO_ROOT",
    "BCC_KERNEL_MODULES_SUFFIX",
    "BCC_KERNEL_SOURCE",
    "BCC_LINUX_VERSION_CODE",
    "BCC_PROBE_LIMIT",
    "BCC_SYMFS",
    "TMPDIR",
)
"""Environment variables that BCC and libbcc read, some of them into a shell's command line."""

ROOTS = (
    "usr/lib/python3/dist-packages",
    "usr/lib/python3.*/site-packages",
    "usr/lib64/python3.*/site-packages",
)
_FILESYSTEM = Path("/")
_OS_RELEASE = Path("/etc/os-release")

_INSTALL = {
    "apt-get": "apt-get install python3-bpfcc",
    "dnf": "dnf install python3-bcc",
    "zypper": "zypper install python3-bcc",
    "pacman": "pacman -S python-bcc",
}
_FAMILY = {
    "debian": "apt-get",
    "ubuntu": "apt-get",
    "fedora": "dnf",
    "rhel": "dnf",
    "centos": "dnf",
    "suse": "zypper",
    "opensuse": "zypper",
    "arch": "pacman",
}


@dataclass(frozen=True, slots=True)
class BccLocation:
    """Where a BCC package stands; nothing of it has been run."""

    path: Path
    """The package's own directory, the one that holds ``__init__.py``."""
    version: str | None
    origin: str
    """``override`` ($PFTOP_BCC_PATH), ``import`` (Python's own path) or ``system``."""


def find_bcc() -> BccLocation | None:
    """The BCC that ``load_bcc`` tries first, found without importing it; None when there is none."""
    return next(_candidates(), None)


def load_bcc(kernel_source: Path) -> ModuleType:
    """Import BCC and make it compile against ``kernel_source``; ``SourceError`` when there is none."""
    for name in BCC_READS:
        os.environ.pop(name, None)
    os.environ["BCC_KERNEL_SOURCE"] = str(kernel_source)
    ready = sys.modules.get("bcc")
    if ready is not None and hasattr(ready, "BPF"):
        return ready
    if note := _override()[1]:
        print(f"pftop: {note}", file=sys.stderr)
    failures: list[str] = []
    for found in _candidates():
        try:
            module = _load(found.path)
        except Exception as error:
            failures.append(f"{found.path}: {type(error).__name__}: {error}")
            continue
        if hasattr(module, "BPF"):
            return module
        _forget()
        failures.append(f"{found.path}: has no BPF class")
    raise _not_loaded(failures)


def searched() -> list[str]:
    """Every place that is looked at, in order, with what was found there."""
    lines: list[str] = []
    override, note = _override()
    if note:
        lines.append(note)
    for origin, package in _places(override):
        if (verdict := _verdict(origin, package)) is None:
            verdict = f"BCC {_version(package) or 'of unknown version'}"
        lines.append(f"{package}: {verdict}")
    lines += [f"{_FILESYSTEM / root}: nothing" for root in ROOTS if not any(_system(root))]
    return lines


def install_hint() -> str:
    """The command that installs BCC's Python module on this distribution."""
    manager = _by_os_release() or next((name for name in _INSTALL if shutil.which(name)), None)
    if manager is None:
        return "install your distribution's BCC Python package (python3-bpfcc, python3-bcc or python-bcc)"
    sudo = "" if os.geteuid() == 0 else "sudo "
    return sudo + _INSTALL[manager]


def _candidates() -> Iterator[BccLocation]:
    for origin, package in _places(_override()[0]):
        if _verdict(origin, package) is None:
            yield BccLocation(package, _version(package), origin)


def _places(override: Path | None) -> Iterator[tuple[str, Path]]:
    """Package directories in order of preference, each once."""
    seen: set[Path] = set()
    for origin, package in _all_places(override):
        if package not in seen:
            seen.add(package)
            yield origin, package


def _all_places(override: Path | None) -> Iterator[tuple[str, Path]]:
    if override is not None:
        yield "override", override if (override / "libbcc.py").exists() else override / "bcc"
    # PathFinder rather than find_spec: an unrelated "bcc" that is already imported must not answer.
    spec = PathFinder.find_spec("bcc")
    if spec is not None and spec.origin is not None:
        yield "import", Path(spec.origin).parent
    for root in ROOTS:
        for package in _system(root):
            yield "system", package


def _system(root: str) -> Iterator[Path]:
    """The ``bcc`` directories that match, the newest Python's first."""
    for directory in sorted(_FILESYSTEM.glob(root), key=_python_version, reverse=True):
        if (directory / "bcc").is_dir():
            yield directory / "bcc"


def _verdict(origin: str, package: Path) -> str | None:
    """Why a package is not loaded, or None when it may be."""
    if not (package / "__init__.py").is_file():
        return "nothing"
    if not (package / "libbcc.py").is_file():
        return "an unrelated package named bcc"
    # The system's directories are root's by definition, and look like nobody's in a user namespace.
    if origin != "system" and (reason := _untrusted(package)):
        return f"ignored: {reason}"
    return None


def _override() -> tuple[Path | None, str]:
    """``$PFTOP_BCC_PATH`` where it may be followed, and what to say where it may not."""
    value = os.environ.get(OVERRIDE, "")
    if not value:
        return None, ""
    path = Path(value)
    if (os.getuid(), os.getgid()) != (os.geteuid(), os.getegid()):
        return None, f"{OVERRIDE}={value!r} is ignored: running with another user's rights"
    if not path.is_absolute():
        return None, f"{OVERRIDE}={value!r} is ignored: not an absolute path"
    if not path.is_dir():
        return None, f"{OVERRIDE}={value!r} is ignored: not a directory"
    if reason := _untrusted(path):
        return None, f"{OVERRIDE}={value!r} is ignored: {reason}"
    return path, ""


def _untrusted(directory: Path) -> str:
    """Why root must not run what lies there; empty when it may, or when we are not root."""
    if os.geteuid() != 0:
        return ""
    # A link's target counts, and whoever may write a directory above may put another one in its place.
    directory = directory.resolve()
    for path in (*directory.parents, directory, *directory.glob("*.py")):
        status = path.stat()
        if _owner(status) != 0:
            return f"{path} is not owned by root"
        sticky_dir = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky_dir:
            return f"{path} can be written by others"
    return ""


def _owner(status: os.stat_result) -> int:
    return status.st_uid


def _version(package: Path) -> str | None:
    try:
        text = (package / "version.py").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    match = re.search(r"__version__\s*=\s*['\"]([\w.+~-]+)['\"]", text)
    return match.group(1) if match else None


def _python_version(directory: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", directory.parent.name))


def _load(package: Path) -> ModuleType:
    _forget()
    spec = importlib.util.spec_from_file_location(
        "bcc", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{package} is not a package")
    module = importlib.util.module_from_spec(spec)
    # BCC's own submodules look for their parent under this name while they load.
    sys.modules["bcc"] = module
    try:
        with _no_bytecode(), warnings.catch_warnings():
            # Older BCC holds escape sequences that newer Pythons warn of, each time anew without bytecode.
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            spec.loader.exec_module(module)
    except BaseException:
        _forget()
        raise
    return module


@contextmanager
def _no_bytecode() -> Iterator[None]:
    """Leave no cache files of this Python in directories that a package manager owns."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _forget() -> None:
    for name in [name for name in sys.modules if name == "bcc" or name.startswith("bcc.")]:
        del sys.modules[name]


def _not_loaded(failures: list[str]) -> SourceError:
    if failures:
        what = "BCC's Python module was found but cannot be loaded"
        return SourceError(what, "; ".join(failures), install_hint())
    what = "BCC's Python module was not found (it is not the bcc on PyPI)"
    return SourceError(what, "looked at " + "; ".join(searched()), install_hint())


def _by_os_release() -> str | None:
    try:
        text = _OS_RELEASE.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    values = dict(re.findall(r"^(ID|ID_LIKE)=[\"']?([^\"'\n]*)", text, re.MULTILINE))
    for word in (values.get("ID", "") + " " + values.get("ID_LIKE", "")).split():
        # openSUSE names itself opensuse-leap or opensuse-tumbleweed.
        if manager := _FAMILY.get(word.split("-")[0]):
            return manager
    return None
