"""The way from a command line to a status: output that cannot be written and interrupts cause no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pftop import __main__, cli, doctor

ROOT = Path(__file__).resolve().parents[2]
PFTOP = [sys.executable, "-m", "pftop"]
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def ended(*words: str, stdout: int, close: tuple[int, ...] = ()) -> tuple[int, str]:
    """Status and standard error of pftop with these descriptors closed."""

    def prepare() -> None:
        for fd in close:
            os.close(fd)

    done = subprocess.run(
        [*PFTOP, *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        preexec_fn=prepare,
        text=True,
        check=False,
        cwd=ROOT,
        env=BUFFERED,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_that_cannot_be_written_is_told_in_a_line(option: str) -> None:
    with open("/dev/full", "w") as full:
        status, said = ended(option, stdout=full.fileno())
    assert (status, said) == (1, "pftop: the output could not be written: No space left on device\n")


def test_a_reader_that_has_gone_hears_nothing() -> None:
    read, write = os.pipe()
    os.close(read)
    assert ended("--help", stdout=write) == (141, "")
    os.close(write)


@pytest.mark.parametrize("words", [["-b"], ["-J", "-o", "-"], ["--csv", "--", "/bin/true"], ["doctor"]], ids=str)
def test_a_closed_standard_output_is_named_before_anything_is_loaded(words: list[str]) -> None:
    status, said = ended(*words, stdout=subprocess.DEVNULL, close=(1,))
    (line,) = said.splitlines()
    assert (status, line.partition(";")[0]) == (1, "pftop: there is nowhere to write: standard output is closed")
    assert ("-o FILE" in line) is (words != ["doctor"])


def test_closed_descriptors_are_filled_so_that_no_file_gets_their_numbers() -> None:
    code = "import os, sys; os.closerange(0, 3); from pftop.cli import fill_standard_streams as fill\n"
    code += "there = fill(); names = [os.readlink(f'/proc/self/fd/{fd}') for fd in (0, 1, 2)]\n"
    code += "os._exit(0 if names == ['/dev/null'] * 3 and not there and fill() else 1)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def interrupted(*, as_json: bool) -> int:
    raise KeyboardInterrupt


def no_room(*, as_json: bool) -> int:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("examine", "status", "said"),
    [(interrupted, 130, ""), (no_room, 1, "pftop: the output could not be written: No space left on device\n")],
)
def test_doctor_ends_as_the_views_do(
    examine: Callable[..., int],
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(doctor, "main", examine)
    # what is buffered is the test's own
    monkeypatch.setattr(cli, "drop_stdout", lambda: None)
    assert cli.main(["doctor"]) == status
    assert capfd.readouterr().err == said


def test_an_interrupt_among_the_imports_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", stop)
    assert __main__.main() == 130
