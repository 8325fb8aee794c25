"""Owns booting one kernel in QEMU and running one command in it, over the host's own files.

The guest sees the host's / as it is, with every write kept in the guest's memory, and one folder of the host's
that both can write: the command, its output and its status go through that. As many guests run at a time as the
machine has CPUs. QEMU emulates the processor, so no hardware virtualisation is needed; init.sh is the guest's side.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from .kernels import REPO, Image, cache

QEMU = "qemu-system-x86_64"
# Five-level page tables only make each emulated page walk longer. QEMU 7.2 computes AVX2 wrongly: numpy's argsort
# by AVX2 comes out unsorted in there.
CPU = "max,la57=off,avx2=off"
MACHINE = ("-M", "q35", "-accel", "tcg,thread=multi", "-cpu", CPU, "-m", "2G", "-smp", "2")
QUIET = ("-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot")
# Of the kernel only what is slow in emulation is turned off; nothing of that bears on page faults.
APPEND = "console=ttyS0 quiet panic=-1 mitigations=off nowatchdog audit=0"

# No udev runs in there: dmsetup has to make its device nodes itself.
COMMAND = """\
export HOME=/root TMPDIR=/run/vm-tmp LC_ALL=C.UTF-8 DM_DISABLE_UDEV=1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd {repo}
cut -d' ' -f1 /proc/uptime > {share}/booted
{command} > {share}/output 2>&1 < /dev/null
echo $? > {share}/status.new && mv {share}/status.new {share}/status
"""


@dataclass(frozen=True)
class Result:
    status: int | None  # None: the guest ended or was ended before it could tell
    output: str
    seconds: float


@dataclass(frozen=True)
class Outcome:
    test: str
    outcome: str  # passed, failed, error or skipped
    text: str


def places() -> int:
    """How many guests run at a time: an emulated machine keeps one CPU busy, and seldom the second."""
    return os.cpu_count() or 1


@contextlib.contextmanager
def a_place() -> Iterator[None]:
    """Wait until there is room for one more emulated machine, whoever started the others."""
    cache().mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open(cache() / f"lock-{number}", "w")) for number in range(places())]
        while not any(taken(file) for file in files):
            time.sleep(0.2)
        yield


def taken(file: TextIO) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder that a guest may mount writable."""
    cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="share-", dir=cache()) as folder:
        yield Path(folder)


def emulator(image: Image, share: Path, extra: str) -> list[str]:
    """The command line; what init.sh has to know travels as kernel arguments, which it gets as variables."""
    root = "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"
    shared = f"local,path={share},mount_tag=share,security_model=none"
    append = f"{APPEND} {extra} vm_share={share} vm_modules={image.modules}"
    boot = ["-kernel", str(image.vmlinuz), "-initrd", str(image.initrd), "-append", append]
    return [QEMU, *MACHINE, *QUIET, *boot, "-virtfs", root, "-virtfs", shared]


def wait(process: subprocess.Popen[bytes], reported: Path, limit: float) -> None:
    """Until the guest has reported, is gone, or is late."""
    deadline = time.monotonic() + limit
    while process.poll() is None and time.monotonic() < deadline and not reported.exists():
        time.sleep(0.1)


def run(image: Image, argv: Sequence[str], *, share: Path, limit: float = 240, extra: str = "") -> Result:
    """Boot, with extra kernel arguments; run one command as root in the repository; take no longer than limit."""
    result = run_once(image, argv, share=share, limit=limit, extra=extra)
    if result.status is None and result.seconds < limit and emulation_broke(share):
        print(f"vm: {image.kernel.name} broke down; once more:{result.output}", flush=True)
        result = run_once(image, argv, share=share, limit=limit, extra=extra)
    return result


def emulation_broke(share: Path) -> bool:
    """Whether the guest ended for what only an emulated machine does; rare, and only on a busy host.

    Its kernel panics early on, before its own files are there; or an instruction that was just patched (a static
    key's jump) is still the breakpoint of the patching to another CPU, when no handler knows of it any more.
    """
    return not (share / "booted").exists() or "Oops: int3" in read_text(share / "console")


def run_once(image: Image, argv: Sequence[str], *, share: Path, limit: float, extra: str) -> Result:
    """The same, with one try."""
    for name in ("status", "output", "booted"):
        (share / name).unlink(missing_ok=True)
    words = {"repo": shlex.quote(str(REPO)), "share": shlex.quote(str(share)), "command": shlex.join(argv)}
    (share / "command").write_text(COMMAND.format(**words))
    with a_place(), open(share / "console", "wb") as console:
        began = time.monotonic()
        process = subprocess.Popen(
            emulator(image, share, extra),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
        )
        try:
            wait(process, share / "status", limit)
        finally:  # also when it has reported: nothing in the guest is worth an orderly power-off
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        seconds = time.monotonic() - began
    status, output = read_text(share / "status").strip(), read_text(share / "output")
    if not status:
        tail = "\n".join(read_text(share / "console").splitlines()[-40:])
        late = f"no status after {seconds:.0f} s (limit {limit:.0f} s); console:"
        output += f"\n--- kernel {image.version}: {late}\n{tail}"
    return Result(int(status) if status else None, output, seconds)


def read_text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def run_pytest(
    image: Image, args: Sequence[str], *, limit: float = 240, settings: Mapping[str, str] | None = None
) -> list[Outcome]:
    """Run pytest in the guest, with settings in its environment; one Outcome per test, or a single error when it
    did not get that far.
    """
    with shared_folder() as share:
        report = share / "report.xml"
        pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", *args]
        argv = ["env", *(f"{name}={value}" for name, value in (settings or {}).items()), *pytest]
        result = run(image, argv, share=share, limit=limit)
        if not report.exists():
            return [Outcome("pytest", "error", f"status {result.status}\n{result.output}")]
        return [outcome_of(case) for case in ET.parse(report).iter("testcase")]


def outcome_of(case: ET.Element) -> Outcome:
    test = f"{case.get('classname')}::{case.get('name')}"
    for child, outcome in (("failure", "failed"), ("error", "error"), ("skipped", "skipped")):
        if (found := case.find(child)) is not None:
            return Outcome(test, outcome, f"{found.get('message')}\n{found.text or ''}")
    return Outcome(test, "passed", "")
