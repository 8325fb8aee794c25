"""Every way out: the right status, a last line that says why, and nothing left in the kernel."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.harness import DEADLINE_S, ROOT, Pftop, balanced
from tests.live.machine import PFTOP, nothing_left, objects, program_ids, run
from tests.live.test_bad_input import HIDE_BTF

Watch = Callable[..., Pftop]


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
@pytest.mark.parametrize("probe", ["perf", "proc"])
def test_a_signal_ends_it_with_a_last_tick_and_its_reason(
    number: signal.Signals, status: int, probe: str, pftop: Watch
) -> None:
    before = program_ids()
    watch = pftop(probe=probe, delay="30")
    watch.wait(lambda found: found["type"] == "meta")
    if probe == "perf":
        assert program_ids() - before
    watch.child.send_signal(number)
    end = watch.end()
    assert (watch.child.returncode, end["reason"]) == (status, "signal")
    # the interval under way is not thrown away
    assert [found["type"] for found in watch.objects] == ["meta", "tick", "end"]
    assert end["totals"]["minor"] >= watch.ticks()[-1]["totals"]["minor"]
    assert watch.child.stderr is not None
    assert watch.child.stderr.read() == ""
    nothing_left(before)


def test_nohup_is_obeyed(pftop: Watch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        watch = pftop()
    finally:
        signal.signal(signal.SIGHUP, before)
    watch.ready()
    watch.child.send_signal(signal.SIGHUP)
    watch.next_tick()
    watch.child.send_signal(signal.SIGTERM)
    assert (watch.end()["reason"], watch.child.returncode) == ("signal", 143)


def test_what_the_shell_ignores_stays_ignored_for_the_command() -> None:
    # as every command that a shell without job control puts into the background
    ignored = "trap '' INT HUP"
    done = run("-b", "-n", "1", "--", "/bin/grep", "SigIgn", "/proc/self/status", prepare=ignored)
    mask = int(next(line for line in done.stderr.splitlines() if "SigIgn" in line).split()[1], 16)
    wanted = 1 << (signal.SIGINT - 1) | 1 << (signal.SIGHUP - 1)
    assert mask & wanted == wanted


def test_a_second_signal_does_not_wait() -> None:
    before = program_ids()
    child = subprocess.Popen([*PFTOP, "-J"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert child.stdout is not None
    assert '"meta"' in child.stdout.readline()
    while child.poll() is None:
        child.send_signal(signal.SIGTERM)
    assert child.returncode in (143, -signal.SIGTERM)
    child.stdout.close()
    nothing_left(before)


def test_being_killed_leaves_nothing(pftop: Watch) -> None:
    before = program_ids()
    watch = pftop()
    watch.ready()
    watch.child.kill()
    watch.child.wait()
    nothing_left(before)


@pytest.mark.parametrize("form", ["-J", "--csv", "-b"])
def test_a_reader_that_goes_ends_it_quietly(form: str) -> None:
    before = program_ids()
    child = subprocess.Popen(
        [*PFTOP, form, "-d", "0.1", "-F", "pid:1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stdout.readline()
    child.stdout.close()
    # it says so by itself: where nothing faults there is no row to write
    assert child.wait(DEADLINE_S) == 141
    assert child.stderr.read() == ""
    child.stderr.close()
    nothing_left(before)


def test_iterations_are_counted_and_the_end_is_fine() -> None:
    before = program_ids()
    done = run("-J", "-n", "3", "-d", "0.1")
    found = objects(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert [o["type"] for o in found] == ["meta", "tick", "tick", "tick", "end"]
    assert [o["seq"] for o in found[1:-1]] == [1, 2, 3]
    assert found[-1]["reason"] == "iterations"
    balanced(found[1:-1])
    nothing_left(before)


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_the_commands_status_is_pftops(script: str, status: int, tmp_path: Path) -> None:
    before = program_ids()
    out = tmp_path / "out"
    done = run("-J", "-o", str(out), "--", "/bin/sh", "-c", f"echo heard; {script}")
    assert (done.returncode, done.stdout, done.stderr) == (status, "heard\n", "")
    end = objects(out.read_text())[-1]
    assert (end["reason"], end["command"]["status"]) == ("command", status)
    nothing_left(before)


def test_without_a_file_the_commands_output_leaves_stdout_clean() -> None:
    done = run("-J", "--", "/bin/echo", "loud")
    assert done.returncode == 0
    assert objects(done.stdout)[-1]["reason"] == "command"
    assert done.stderr == "loud\n"


def test_a_command_that_does_not_exist_is_named() -> None:
    before = program_ids()
    done = run("-J", "--", "/no/such/command")
    assert done.returncode == 127
    assert done.stderr == "pftop: /no/such/command: No such file or directory\n"
    nothing_left(before)


def test_a_command_that_cannot_be_executed_is_told_from_one_there_is_not() -> None:
    done = run("-J", "--", "/etc")
    assert (done.returncode, done.stderr) == (126, "pftop: /etc: Permission denied\n")


@pytest.mark.parametrize(
    ("options", "status"), [(["--probe", "fentry"], 3), (["--", "/no/such/command"], 127)], ids=["plan", "command"]
)
def test_a_recording_outlives_a_start_that_fails(options: list[str], status: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("precious\n" * 1000)
    # without BTF no kernel runs that plan
    done = run("-J", "-n", "1", "-o", str(out), *options, prepare=HIDE_BTF if status == 3 else "")
    assert done.returncode == status, done.stderr
    assert out.read_text() == "precious\n" * 1000


def test_a_recording_is_replaced_by_the_next(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("precious\n" * 10_000)
    assert run("-J", "-n", "1", "-d", "0.1", "-o", str(out)).returncode == 0
    objects(out.read_text())


def test_a_command_is_left_running_when_pftop_is_told_to_end(tmp_path: Path) -> None:
    before = program_ids()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    child = subprocess.Popen(
        [
            *PFTOP,
            "-J",
            "-d",
            "0.1",
            "-o",
            str(tmp_path / "out"),
            "--",
            "/bin/sh",
            "-c",
            # the first of them comes as early as a signal can: the terminal's Ctrl+C, which is for the command
            f"kill -INT $PPID; kill -TERM $PPID; read line <{fifo}; echo $line; grep SigIgn /proc/self/status",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # opening waits for the command to be there
    with fifo.open("w") as pipe:
        assert child.wait(DEADLINE_S) == 143
        pipe.write("still-here\n")
    out, err = child.communicate(timeout=DEADLINE_S)
    line, ignored = out.splitlines()
    assert (line, err) == ("still-here", "")
    # nor that a signal is ignored
    assert int(ignored.split()[1], 16) & (1 << (signal.SIGINT - 1) | 1 << (signal.SIGTERM - 1)) == 0
    assert objects((tmp_path / "out").read_text())[-1]["reason"] == "signal"
    # the command was given none of pftop's descriptors
    nothing_left(before)


def test_two_at_once_do_not_disturb_each_other(pftop: Watch) -> None:
    before = program_ids()
    first, second = pftop(), pftop()
    first.ready()
    second.ready()
    first.stop()
    second.next_tick()
    second.stop()
    balanced([*first.ticks(), *second.ticks()])
    nothing_left(before)
