"""Bad input and poor machines, through the real program: said in a line, never a traceback, never a wrong figure."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.harness import ROOT, Pftop, Program, balanced
from tests.live.machine import BCC_PLACES, PFTOP, explained, nothing_left, objects, program_ids, run

HIDE_BCC = f"for place in {BCC_PLACES}; do [ ! -d $place ] || mount -t tmpfs none $place; done"
HIDE_BTF = "mount --bind /dev/null /sys/kernel/btf/vmlinux"
TRACEFS_PLACES = "/sys/kernel/tracing /sys/kernel/debug/tracing /sys/kernel/debug"
HIDE_TRACEFS = f"for place in {TRACEFS_PLACES}; do umount -q $place || true; done"
FAULTS = "while kill -0 $$; do /bin/true; done >/dev/null 2>&1 &"
"""Something to see on the quietest machine, for as long as pftop runs."""


def dead_pid() -> str:
    with subprocess.Popen(["/bin/true"]) as child:
        child.wait()
    return str(child.pid)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["-J", "-d", "0"], "'0'"),
        (["-J", "-n", "-1"], "'-1'"),
        (["-J", "-F", "major >"], "'major >'"),
        (["-J", "-s", "colour"], "'colour'"),
        (["-J", "--probe", "magic"], "'magic'"),
        (["-J", "-u", "nobody-is-called-so"], "'nobody-is-called-so'"),
        (["-J", "-o", "/proc"], "cannot write /proc: Is a directory"),
        (["-J", "-o", "/nonexistent/out"], "/nonexistent/out"),
        (["-b", "--theme", "plaid"], "'plaid'"),
        (["doctor", "--yaml"], "--yaml (pftop doctor --help)"),
        ([], "needs a terminal"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_loaded(options: list[str], named: str) -> None:
    before = program_ids()
    done = run(*options)
    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    nothing_left(before)


def test_a_process_that_is_dead_is_named() -> None:
    pid = dead_pid()
    done = run("-J", "-n", "1", "-p", pid)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"there is no process {pid}" in done.stderr


def test_a_plan_that_cannot_run_here_says_what_why_and_stops() -> None:
    doctor = run("doctor", "--json").stdout
    for probe in ("fentry", "kprobe"):
        done = run("-J", "-n", "1", "--probe", probe)
        if done.returncode == 0:
            # on kernels that have it: doctor must not deny it
            assert f'"plan {probe}",\n      "value": "does not run' not in doctor
            continue
        assert explained(done)[0] == f"pftop: the {probe} plan cannot run here"


def test_without_bcc_the_rates_of_proc_are_shown_and_the_package_named() -> None:
    done = run("-J", "-n", "2", "-d", "0.2", prepare=HIDE_BCC)
    assert done.returncode == 0
    assert objects(done.stdout)[0]["plan"] == "proc"
    assert "bcc" in done.stderr.lower()
    assert "install" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_bcc_a_forced_plan_is_refused_with_the_command_that_installs_it() -> None:
    lines = explained(run("-J", "-n", "1", "--probe", "perf", prepare=HIDE_BCC))
    assert "install" in lines[2]


def test_an_unrelated_bcc_is_not_run(tmp_path: Path) -> None:
    package = tmp_path / "bcc"
    package.mkdir()
    (package / "__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    done = run("-J", "-n", "1", "-d", "0.1", env=os.environ | {"PFTOP_BCC_PATH": str(tmp_path)}, prepare=HIDE_BCC)
    assert objects(done.stdout)[0]["plan"] == "proc"
    assert not (tmp_path / "ran").exists()


def test_without_btf_it_runs_degraded_and_says_so() -> None:
    done = run("-J", "-n", "3", "-d", "0.3", "--probe", "perf", prepare=f"{HIDE_BTF}\n{FAULTS}")
    found = objects(done.stdout)
    assert done.returncode == 0, done.stderr
    assert found[0]["plan"] == "perf"
    balanced([tick for tick in found if tick["type"] == "tick"])
    rows = [row for tick in found if tick["type"] == "tick" for row in tick["processes"]]
    # the start of a process is not known, which is null and not 0
    assert {row["start_ns"] for row in rows} == {None}
    assert rows


def test_without_btf_and_tracefs_root_mounts_tracefs_and_goes_on(tmp_path: Path) -> None:
    listed = tmp_path / "listed"
    tell = f'"$@"; status=$?; ls /sys/kernel/tracing/events >{listed}; exit $status'
    done = run("-J", "-n", "1", "-d", "0.2", "--probe", "perf", prepare=f"{HIDE_BTF}\n{HIDE_TRACEFS}\n{tell}")
    assert done.returncode == 0, done.stderr
    assert objects(done.stdout)[0]["plan"] == "perf"
    assert "exceptions" in listed.read_text().split()


def test_without_root_the_rates_of_proc_are_shown_and_why() -> None:
    done = run("-J", "-n", "2", "-d", "0.2", unprivileged=True)
    found = objects(done.stdout)
    assert done.returncode == 0, done.stderr
    assert (found[0]["plan"], found[-1]["reason"]) == ("proc", "iterations")
    assert "needs root" in done.stderr
    assert "sudo pftop" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    rows = [row for tick in found[1:-1] for row in tick["processes"]]
    assert {row["stall_ns"] for row in rows} <= {None}


def test_without_root_a_forced_plan_is_refused() -> None:
    lines = explained(run("-J", "-n", "1", "--probe", "perf", unprivileged=True))
    assert lines[2].strip() == "fix: sudo pftop"


def test_a_process_that_ends_while_it_is_shown_is_told_as_ended(
    build: Callable[[str], Path], start: Callable[..., Program], pftop: Callable[..., Pftop]
) -> None:
    toucher = start(build("touch"), "2003", "3")
    assert toucher.hear() == "ready"
    watch = pftop("-p", str(toucher.pid))
    watch.ready()
    toucher.tell()
    toucher.usage()
    watch.next_tick()
    toucher.close()
    row = watch.wait(lambda o: o["type"] == "tick" and any(r["exited"] for r in o["processes"]))["processes"][0]
    assert (row["pid"], row["comm"]) == (toucher.pid, "touch")
    assert row["minor_total"] >= 2003
    watch.stop()
    assert sum(r["minor"] for r in watch.rows(toucher.pid)) == list(watch.rows(toucher.pid))[-1]["minor_total"]
    balanced(watch.ticks())


def test_proc_entries_that_cannot_be_read_leave_gaps_and_nothing_else(tmp_path: Path) -> None:
    child = subprocess.Popen(["/bin/sleep", "60"])
    empty = tmp_path / "empty"
    empty.mkdir()
    try:
        hide = f"mount --bind {empty} /proc/{child.pid}"
        for probe in ("perf", "proc"):
            done = run("-J", "-n", "2", "-d", "0.2", "--probe", probe, "--events", prepare=hide)
            assert (done.returncode, done.stderr) == (0, "")
            objects(done.stdout)
    finally:
        child.kill()
        child.wait()


def test_sudo_drops_the_commands_rights_to_the_caller(tmp_path: Path) -> None:
    entry = pwd.getpwuid(65534)
    tmp_path.chmod(0o777)
    script = 'id -u; id -g; id -G; echo "$HOME $USER $LOGNAME"; grep CapEff /proc/self/status'
    environment = os.environ | {"SUDO_UID": "65534", "SUDO_GID": "0"}
    out = tmp_path / "out.jsonl"
    done = run("-J", "-o", str(out), "--", "/bin/sh", "-c", script, env=environment)
    assert done.returncode == 0, done.stderr
    uid, gid, groups, names, capabilities = done.stdout.splitlines()
    assert (uid, gid) == ("65534", str(entry.pw_gid))
    assert "0" not in groups.split()
    assert names == f"{entry.pw_dir} {entry.pw_name} {entry.pw_name}"
    assert int(capabilities.split()[1], 16) == 0
    found = out.stat()
    assert (found.st_uid, found.st_mode & 0o777) == (65534, 0o600)


def test_a_hostile_environment_changes_nothing(tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    evil.mkdir()
    proof = evil / "ran"
    code = f"open({str(proof)!r}, 'a').write(__name__)\nraise SystemExit(9)\n"
    (evil / "bcc.py").write_text(code)
    os.chown(evil, 65534, 65534)
    os.chown(evil / "bcc.py", 65534, 65534)
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}:{evil}",
        "BCC_KERNEL_SOURCE": "/nonexistent",
        "BCC_LINUX_VERSION_CODE": "1",
        "BCC_PROBE_LIMIT": "0",
        "ARCH": "sparc",
        "TMPDIR": f";touch {evil}/injected",
        "PFTOP_BCC_PATH": str(evil),
        "LD_BIND_NOW": "1",
        "COLUMNS": "x",
    }
    done = run("-J", "-n", "1", "-d", "0.2", "--probe", "perf", cwd=evil, env=environment)
    assert done.returncode == 0, done.stderr
    assert objects(done.stdout)[0]["plan"] == "perf"
    assert not proof.exists()
    assert not (evil / "injected").exists()


def test_a_full_disk_is_one_line_and_no_program_is_left(tmp_path: Path) -> None:
    before = program_ids()
    small = tmp_path / "small"
    small.mkdir()
    done = run("-J", "-d", "0.1", "-o", str(small / "out"), prepare=f"mount -t tmpfs -o size=4k none {small}")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "pftop: the output could not be written: No space left on device\n"
    nothing_left(before)


def test_doctor_on_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        argv = [*PFTOP, "doctor"]
        done = subprocess.run(argv, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    said = "pftop: the output could not be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_doctor_whose_reader_has_gone_is_quiet() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*PFTOP, "doctor"], cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_few_descriptors_are_an_explained_refusal() -> None:
    before = program_ids()
    done = run("-J", "-n", "1", "--probe", "perf", prepare="ulimit -n 16")
    explained(done)
    nothing_left(before)


def test_a_low_limit_of_descriptors_is_raised_and_given_on() -> None:
    # fewer than any plan needs on the smallest machine; a session's 1,024 are as few where there are 250 CPUs
    until = "until [ $(ulimit -Sn) = 24 ]; do :; done; echo as-given >&2"
    done = run("-J", "-n", "1", "--probe", "perf", "--", "/bin/sh", "-c", until, prepare="ulimit -Sn 24")
    assert (done.returncode, done.stderr) == (0, "as-given\n")
    assert objects(done.stdout)[0]["plan"] == "perf"
