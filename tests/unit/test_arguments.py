"""The command line: what is wrong is said in one line that names it; ``--help`` loads nothing slow."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pftop import cli
from pftop.arguments import MAX_LOG_RATE, PROBES, parse, parser, split_command
from pftop.options import Options

ROOT = Path(__file__).resolve().parents[2]


def said(capfd: pytest.CaptureFixture[str], argv: list[str]) -> str:
    """The one line that a refused command line writes."""
    with pytest.raises(SystemExit) as ended:
        cli.check(parse(argv))
    assert ended.value.code == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["-J", "-d", "0"], "'0'"),
        (["-J", "-d", "0.09"], "'0.09'"),
        (["-J", "-d", "60.1"], "'60.1'"),
        (["-J", "-d", "nan"], "'nan'"),
        (["-J", "-d", "inf"], "'inf'"),
        (["-J", "-d", "-1"], "-1"),
        (["-J", "-d", "soon"], "'soon'"),
        (["-J", "-d", ""], "''"),
        (["-J", "-n", "0"], "'0'"),
        (["-J", "-n", "-1"], "-1"),
        (["-J", "-n", "1.5"], "'1.5'"),
        (["-J", "-n", "9" * 400], "'9999"),
        (["-J", "-p", "0"], "0"),
        (["-J", "-p", "-1"], "-1"),
        (["-J", "-p", "4194304"], "4194304"),
        (["-J", "-p", "1,x"], "'x'"),
        (["-J", "-p", ""], "''"),
        (["-J", "-p", "1; reboot"], "'1; reboot'"),
        (["-J", "-u", "nobody-is-called-so"], "'nobody-is-called-so'"),
        (["-J", "-u", ""], "''"),
        (["-J", "-u", str(2**32)], f"'{2**32}'"),
        (["-J", "-u", "-5"], "-5"),
        (["-J", "-F", "major >"], "'major >'"),
        (["-J", "-F", "nonsense == 1"], "nonsense"),
        (["-J", "-F", r"/\w(/"], r"bad filter '/\w(/': bad regular expression"),
        (["-J", "-F", "(\x1b[31m"], r"bad filter '(\x1b[31m'"),
        (["-J", "-s", r"a\b"], r"no column 'a\b'"),
        (["-J", "-u", r"AD\me"], r"no user 'AD\me'"),
        (["-J", "-s", "color"], "'color'"),
        (["-J", "--min-latency", "5"], "'5'"),
        (["-J", "--min-latency", "5 parsecs"], "'5 parsecs'"),
        (["-J", "--min-latency", "9" * 400 + "s"], "'9999"),
        (["-J", "--min-latency", "99999999999s"], "'99999999999s'"),
        (["-J", "-u", "²"], "'²'"),
        (["-J", "-u", "9" * 5000], "'9999"),
        (["-J", "--log-rate", "0"], "'0'"),
        (["-J", "--log-rate", str(MAX_LOG_RATE + 1)], str(MAX_LOG_RATE + 1)),
        *(
            (["-J", "--max-overhead", bad], f"'{bad}'")
            for bad in ("0", "0.09", "100.1", "nan", "inf", "1e1", "", "x")
        ),
        (["-J", "--max-overhead", "-1"], "-1"),
        (["-J", "--max-overhead", "9" * 400], "'9999"),
        (["-J", "--max-overhead", "²"], "'²'"),
        (["-J", "--probe", "magic"], "'magic'"),
        (["--color", "pink"], "'pink'"),
        (["--frobnicate"], "--frobnicate"),
        (["-J", "stray"], "stray"),
        (["--js"], "--js"),
        (["-J", "--csv"], "-J and --csv"),
        (["-o", "x"], "-o"),
        (["-o", ""], "-o goes with -b, -J or --csv"),
        (["--events"], "--events goes with -b or -J "),
        (["-H"], "-H goes with -b or -J "),
        (["--csv", "--events"], "--events goes with -b or -J "),
        (["-b", "--csv", "-H"], "-H goes with -b or -J "),
        (["-J", "--readonly", "-o", "x"], "--readonly allows no -o"),
        (["-J", "--readonly", "-o", "-"], "--readonly allows no -o"),
        (["--readonly", "--", "ls"], "--readonly allows no command"),
        (["-b", "--readonly", "--", "ls"], "--readonly allows no command"),
        (["-J", "--"], "--"),
        (["-J", "-o"], "-o"),
        (["-J", "-F", "1; } evil(); if (0"], "evil"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(capfd: pytest.CaptureFixture[str], argv: list[str], named: str) -> None:
    assert named in said(capfd, argv)


def test_the_live_view_needs_a_terminal(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "isatty", lambda _fd: False)
    assert "needs a terminal" in said(capfd, [])


def test_a_thread_is_no_process_and_its_own_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        line = said(capfd, ["-J", "-p", str(thread.native_id)])
    finally:
        over.set()
        thread.join()
    assert f"{thread.native_id} is a thread of {os.getpid()}; write -p {os.getpid()}" in line


def test_every_plan_is_in_the_help() -> None:
    (action,) = (found for found in parser()._actions if "--probe" in found.option_strings)
    assert action.help == ", ".join(PROBES[:-1]) + f" or {PROBES[-1]}"


def test_everything_asked_for_is_in_the_options() -> None:
    me = os.getpid()
    text = f"-b -J -d 0.5 -n 3 -p {me},1 -p {me} -u root -F major>1 -r -s p99 -H --events -o out"
    found = parse(
        [
            *text.split(),
            "--probe",
            "perf",
            "--min-latency",
            "1.5ms",
            "--log-rate",
            "7",
            "--max-overhead",
            "2.5%",
            "--cost",
        ]
    )
    assert found == Options(
        mode="json",
        interval_s=0.5,
        iterations=3,
        pids=(me, 1, me),
        user="root",
        filter_text="major>1",
        sort="p99",
        reverse=True,
        threads=True,
        events=True,
        output="out",
        probe="perf",
        min_latency_ns=1_500_000,
        log_rate=7,
        max_overhead=2.5,
        cost=True,
    )


@pytest.mark.parametrize(
    ("argv", "mode"), [([], "live"), (["-b"], "text"), (["-J"], "json"), (["--csv"], "csv"), (["-b", "--csv"], "csv")]
)
def test_modes(argv: list[str], mode: str) -> None:
    assert parse(argv).mode == mode


@pytest.mark.parametrize(
    ("text", "ns"), [("1ns", 1), ("100us", 100_000), ("2µs", 2000), ("0.25ms", 250_000), (" 2s ", 2 * 10**9)]
)
def test_times(text: str, ns: int) -> None:
    assert parse(["--min-latency", text]).min_latency_ns == ns


def test_what_stands_behind_two_dashes_is_the_commands() -> None:
    assert split_command(["-J", "--", "ls", "-n", "-1", "--", "x"]) == (["-J"], ("ls", "-n", "-1", "--", "x"))
    assert split_command(["-J"]) == (["-J"], None)
    assert split_command(["--"]) == ([], ())
    assert parse(["-J", "--", "ls", "--help"]).command == ("ls", "--help")


def test_names_and_aliases_become_what_they_mean() -> None:
    found = cli.check(parse(["-J", "-u", "root", "-s", "MAJFLT"]))
    assert (found.uid, found.sort) == (0, "maj")
    assert cli.check(parse(["-J", "-u", "4294967295"])).uid == 2**32 - 1


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_is_there_at_once(option: str) -> None:
    code = (
        "import sys\n"
        "from pftop.cli import main\n"
        f"try: main([{option!r}])\n"
        "except SystemExit as end: status = end.code\n"
        "slow = {'textual', 'rich', 'bcc', 'numpy', 'psutil', 'humanize', 'pwd'} & set(sys.modules)\n"
        "print('loaded', sorted(slow), status)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.splitlines()[-1] in ("loaded [] 0", "loaded ['pwd'] 0")
    assert "pftop" in run.stdout
    fastest = min(timed([sys.executable, "-m", "pftop", option]) for _ in range(5))
    bare = min(timed([sys.executable, "-c", "import argparse, dataclasses"]) for _ in range(5))
    # beyond what Python itself takes here to start
    assert fastest - bare < 0.2


def timed(argv: list[str]) -> float:
    began = time.monotonic()
    subprocess.run(argv, capture_output=True, check=True, cwd=ROOT)
    return time.monotonic() - began
