"""The followed command: whose it is, how its end is told, and that nothing of it is touched."""

from __future__ import annotations

import os
import pwd
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pftop.command import Command, CommandError, Given, sudo_caller
from pftop.source.machine import take_descriptors

ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C", "TMPDIR": ";touch x"}


def run(*argv: str, adopt: Callable[[bool], None] = lambda _on: None, **more: object) -> Command:
    given = replace(Given.now(), environment=ENVIRONMENT)
    return Command(argv, adopt=adopt, caller=None, **({"given": given} | more))  # type: ignore[arg-type]


def finished(command: Command) -> None:
    deadline = time.monotonic() + 20
    while not command.ended():
        assert time.monotonic() < deadline
        os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOWAIT)


@pytest.mark.parametrize("status", [0, 1, 3, 127, 255])
def test_its_status_is_told(status: int) -> None:
    command = run("/bin/sh", "-c", f"exit {status}")
    assert command.result().status == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_a_signal_is_told_as_a_shell_does(number: signal.Signals) -> None:
    command = run("/bin/sh", "-c", f"ulimit -c 0; kill -{int(number)} $$")
    finished(command)
    assert command.result().status == 128 + number


def test_looking_does_not_wait_and_does_not_reap() -> None:
    command = run("/bin/cat", stdin=subprocess.PIPE)
    assert not command.ended()
    assert command._child.stdin is not None
    command._child.stdin.close()
    finished(command)
    assert command.ended()
    # still a zombie, whose faults can be told
    assert os.path.exists(f"/proc/{command.pid}")
    first = command.result()
    assert (first.status, command.result(), command.ended()) == (0, first, True)
    assert not os.path.exists(f"/proc/{command.pid}")


def test_its_faults_are_the_kernels_account() -> None:
    script = "import mmap; m = mmap.mmap(-1, 8 << 20)\nfor i in range(0, 8 << 20, 4096): m[i] = 1"
    small = run(sys.executable, "-c", "import mmap").result()
    large = run(sys.executable, "-c", script).result()
    assert large.minflt > small.minflt > 0
    assert large.majflt >= 0


def test_adoption_brackets_the_start() -> None:
    asked: list[bool] = []
    run("/bin/true", adopt=asked.append).result()
    assert asked == [True, False]


@pytest.mark.parametrize(
    ("word", "why"),
    [("no-such-command-here", "No such file"), ("/etc/passwd", "Permission denied"), ("a\0b", "null byte")],
)
def test_what_cannot_be_started_is_named_with_its_reason(word: str, why: str) -> None:
    asked: list[bool] = []
    with pytest.raises(CommandError, match=why) as raised:
        run(word, adopt=asked.append)
    assert str(raised.value).startswith(word)
    # adoption ends although nothing was started
    assert asked == [True, False]


def test_the_command_has_the_environment_and_the_signals_pftop_was_given(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        run("/usr/bin/env", stdout=out).result()
        run("/bin/grep", "SigIgn", "/proc/self/status", stdout=out).result()
    *environment, ignored = (tmp_path / "out").read_text().splitlines()
    assert set(environment) == {f"{name}={value}" for name, value in ENVIRONMENT.items()}
    assert int(ignored.split()[1], 16) & 1 << (signal.SIGPIPE - 1) == 0


def test_its_end_is_told_to_whoever_was_started_ignoring_the_ends_of_children() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        command = run("/bin/sh", "-c", "exit 7")
        assert command.result().status == 7
        assert command.ended()
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_who_called_sudo() -> None:
    entry = pwd.getpwuid(65534)
    found = sudo_caller({"SUDO_UID": "65534"}, 0)
    assert found is not None
    assert (found.uid, found.gid, found.home, found.name) == (65534, entry.pw_gid, entry.pw_dir, entry.pw_name)
    assert entry.pw_gid in found.groups


@pytest.mark.parametrize(
    "text", ["", "root", "-1", "1e3", "0x0", "3999999999", "9" * 30, " 0", "65534;id", "²", "9" * 5000]
)
def test_a_uid_that_is_none_means_nobody_called(text: str) -> None:
    assert sudo_caller({"SUDO_UID": text}, 0) is None


def test_nobody_called_where_pftop_is_not_root_or_not_run_by_sudo() -> None:
    assert sudo_caller({"SUDO_UID": "65534"}, 1000) is None
    assert sudo_caller({}, 0) is None


def test_pftop_takes_all_descriptors_there_are_and_the_command_gets_what_pftop_was_given(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = (99, before[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, few)
    try:
        given = Given.now()
        take_descriptors()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
        # the limit comes as soon as it runs
        command = run("/bin/sh", "-c", "until [ $(ulimit -Sn) = 99 ]; do :; done", given=given)
        assert command.result().status == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
