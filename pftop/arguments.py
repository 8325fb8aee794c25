"""Owns the command line: the parser, and each option's check. Imports nothing slow, so ``--help`` is instant."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Sequence
from typing import NoReturn

import pftop
from pftop.options import Options

PROBES = ("auto", "fentry", "kprobe", "memcg", "perf", "proc")
UNITS_NS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
MIN_DELAY_S, MAX_DELAY_S = 0.1, 60.0
MAX_LOG_RATE = 10_000
LEAST_OVERHEAD, MOST_OVERHEAD = 0.1, 100.0
MAX_LATENCY_NS = 3600 * 10**9

OVERHEAD_HELP = "above PCT %% of one CPU lower the log's rate, the refresh, then detail; never the counters"
DESCRIPTION = "top for page faults: which processes fault, how often, and how much time it costs them."
EPILOG = """\
pftop doctor [--json] tells what this machine has, what runs here and how to get what is missing.
With -- CMD pftop follows CMD and its descendants only. Exit status: 0 fine, the status of CMD with --,
126 it cannot be executed, 127 there is none, 1 the output cannot be written, 2 usage, 3 cannot run here,
128 and the signal's number after one: 130 on Ctrl+C, 143 on SIGTERM, 141 when the reader goes away."""


def duration_ns(text: str) -> int:
    """A time with its unit: 100us, 1.5ms, 2s."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s)", text.strip())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write for example 100us, 1.5ms or 2s")
    value = float(match[1]) * UNITS_NS[match[2]]
    if value > MAX_LATENCY_NS:
        raise argparse.ArgumentTypeError(f"{text!r} is more than an hour")
    return round(value)


def delay_s(text: str) -> float:
    """Seconds between updates."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not MIN_DELAY_S <= value <= MAX_DELAY_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not between {MIN_DELAY_S} and {MAX_DELAY_S:.0f} seconds")
    return value


def positive(text: str) -> int:
    """A whole number above 0."""
    if not re.fullmatch(r"\d{1,12}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def log_rate(text: str) -> int:
    """Logged faults a second and CPU."""
    value = positive(text)
    if value > MAX_LOG_RATE:
        raise argparse.ArgumentTypeError(f"{text} is more than {MAX_LOG_RATE} a second and CPU")
    return value


def overhead(text: str) -> float:
    """Per cent of one CPU."""
    number = re.fullmatch(r"(\d{1,4}(?:\.\d{1,9})?)%?", text.strip(), re.ASCII)
    value = float(number[1]) if number else math.nan
    if not LEAST_OVERHEAD <= value <= MOST_OVERHEAD:
        raise argparse.ArgumentTypeError(f"{text!r} is not between {LEAST_OVERHEAD} and {MOST_OVERHEAD:.0f} per cent")
    return value


def live_pids(text: str) -> tuple[int, ...]:
    """Processes that exist."""
    pids = []
    for part in text.split(","):
        if not re.fullmatch(r"\d{1,7}", part.strip()):
            raise argparse.ArgumentTypeError(f"{part!r} is not a process id")
        pid = int(part)
        if pid < 1 or not os.path.exists(f"/proc/{pid}"):
            raise argparse.ArgumentTypeError(f"there is no process {pid}")
        if (process := process_of(pid)) != pid:
            raise argparse.ArgumentTypeError(f"{pid} is a thread of {process}; write -p {process}")
        pids.append(pid)
    return tuple(pids)


def process_of(tid: int) -> int:
    """The process that a thread is of; itself where that cannot be read. A thread has a directory in /proc, too."""
    try:
        with open(f"/proc/{tid}/status", "rb") as status:
            return next((int(line[5:]) for line in status if line.startswith(b"Tgid:")), tid)
    except OSError:
        return tid


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage around it."""

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        self.exit(2, f"pftop: {message} ({self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """All options of the live and batch views."""
    made = Parser(
        prog="pftop",
        description=DESCRIPTION,
        epilog=EPILOG,
        usage="pftop [OPTIONS] [-- CMD [ARG...]]\n       pftop doctor [--json]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = made.add_argument_group("what to show").add_argument
    add("-p", "--pid", metavar="PID[,PID]", type=live_pids, action="append", help="only these processes")
    add("-u", "--user", metavar="USER", help="only this user's processes (name or uid)")
    add("-F", "--filter", metavar="EXPR", default="", help="only processes that match, as with the / key")
    add("-s", "--sort", metavar="COL", help="sort by this column: stall, min, maj, inv, p99, max, pid, ...")
    add("-r", "--reverse", action="store_true", help="reverse the order")
    add("-H", "--threads", action="store_true", help="threads of each process too (with -b and -J)")
    add("--min-latency", metavar="TIME", type=duration_ns, default=0, help="log only faults that took this long")
    add("--log-rate", metavar="N", type=log_rate, default=1000, help="log at most N faults a second and CPU")
    add = made.add_argument_group("how often").add_argument
    add("-d", "--delay", metavar="SEC", type=delay_s, default=1.0, help="seconds between updates, 0.1-60 (1)")
    add("-n", "--iterations", metavar="N", type=positive, help="end after N updates")
    add = made.add_argument_group("output").add_argument
    add("-b", "--batch", action="store_true", help="plain text, like top -b")
    add("-J", "--json", action="store_true", help="JSON Lines")
    add("--csv", action="store_true", help="comma-separated values")
    add("--events", action="store_true", help="each logged fault too (with -b and -J)")
    add("-o", "--output", metavar="FILE", help="write batch output to FILE; with --, CMD keeps its own streams")
    add = made.add_argument_group("how to measure").add_argument
    add("--probe", metavar="PLAN", choices=PROBES, default="auto", help="auto, fentry, kprobe, memcg, perf or proc")
    add("--cost", action="store_true", help="measure what a fault costs in BPF all the time; measuring costs too")
    add("--max-overhead", metavar="PCT", type=overhead, help=OVERHEAD_HELP)
    add = made.add_argument_group("terminal").add_argument
    add("--color", choices=("auto", "always", "never"), default="auto", help="use colours (auto: not with NO_COLOR)")
    add("--theme", metavar="NAME", help="colours: pftop-dark, pftop-light, pftop-ansi, ...")
    add("--ascii", action="store_true", help="draw with ASCII characters only")
    add("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    add("--readonly", action="store_true", help="offer nothing that changes the machine or writes files")
    add = made.add_argument
    add("-V", "--version", action="version", version=f"pftop {pftop.__version__}")
    return made


def split_command(argv: Sequence[str]) -> tuple[list[str], tuple[str, ...] | None]:
    """Options, and what stands after the first ``--`` (None without one)."""
    words = list(argv)
    if "--" not in words:
        return words, None
    at = words.index("--")
    return words[:at], tuple(words[at + 1 :])


def mode_of(found: argparse.Namespace, fail: argparse.ArgumentParser) -> str:
    """live, text, json or csv."""
    asked = [name for name, on in (("text", found.batch), ("json", found.json), ("csv", found.csv)) if on]
    if asked[:1] == ["text"] and len(asked) > 1:
        asked = asked[1:]
    if len(asked) > 1:
        fail.error("-J and --csv exclude each other")
    mode = asked[0] if asked else "live"
    if mode == "live" and found.output is not None:
        fail.error("-o goes with -b, -J or --csv")
    if mode in ("live", "csv"):
        for value, name in ((found.events, "--events"), (found.threads, "-H")):
            if value:
                fail.error(f"{name} goes with -b or -J")
    return mode


def check_readonly(found: argparse.Namespace, command: Sequence[str] | None, fail: argparse.ArgumentParser) -> None:
    """Whoever may run pftop only with ``--readonly`` gets nothing else done by it."""
    if not found.readonly:
        return
    if found.output is not None:
        fail.error("--readonly allows no -o, which writes a file; write to standard output")
    if command is not None:
        fail.error("--readonly allows no command after --, which may change anything; watch one with -p")


def parse(argv: Sequence[str]) -> Options:
    """Options from the command line; exits with status 2 and one clear line when one is wrong."""
    words, command = split_command(argv)
    made = parser()
    found = made.parse_args(words)
    if command is not None and not command:
        made.error("nothing to run after --")
    mode = mode_of(found, made)
    check_readonly(found, command, made)
    return Options(
        mode=mode,
        interval_s=found.delay,
        iterations=found.iterations,
        pids=tuple(pid for group in found.pid or () for pid in group),
        user=found.user,
        filter_text=found.filter,
        sort=found.sort,
        reverse=found.reverse,
        threads=found.threads,
        events=found.events,
        output=found.output,
        probe=found.probe,
        min_latency_ns=found.min_latency,
        log_rate=found.log_rate,
        max_overhead=found.max_overhead,
        cost=found.cost,
        color=found.color,
        theme=found.theme,
        ascii=found.ascii,
        mouse=not found.no_mouse,
        readonly=found.readonly,
        command=command or (),
    )


def doctor_as_json(argv: Sequence[str]) -> bool:
    """Whether the report is wanted as JSON, from what follows ``pftop doctor``; exits with 2 when it is wrong."""
    made = Parser(
        prog="pftop doctor",
        description="what this machine has, what runs here and how to get what is missing.",
        allow_abbrev=False,
    )
    made.add_argument("--json", action="store_true", help="as one JSON object")
    return bool(made.parse_args(list(argv)).json)
