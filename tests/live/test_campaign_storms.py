"""Storms of short processes, ids used again, names and programs changed under way: nothing missed, nothing merged."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.campaign import (
    Changed,
    accounts,
    all_named,
    build_tiny,
    exact,
    family_counters,
    of_pid,
    since,
    whole,
)
from tests.live.harness import MINOR, SEES_REMOTE, SHARE, PerfCounter, Pftop, Program, balanced
from tests.live.machine import SMALL_RINGS, until

BURST = 1000
NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-ec"]
TINY_PIDS = 'echo 420 >/proc/sys/kernel/pid_max; exec "$@"'
Start = Callable[..., Program]
Watch = Callable[..., Pftop]
Build = Callable[[str], Path]


@pytest.fixture(scope="module")
def watch() -> Iterator[Pftop]:
    """One pftop for all that follows: no process of one test is known to another."""
    one = Pftop(delay="0.1")
    one.ready()
    yield one
    one.close()


@pytest.fixture
def pid_max() -> Iterator[None]:
    """Put back as it was: before Linux 6.14 it is the whole machine's, whatever namespace sets it."""
    path = Path("/proc/sys/kernel/pid_max")
    before = path.read_text()
    yield
    path.write_text(before)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("tiny"))


def blow(storm: Program, watch: Pftop, bursts: int) -> tuple[int, int]:
    """All bursts, no more at once than the rings hold; returns the sum of wait4 over all children."""
    for _ in range(bursts - 1):
        storm.tell()
        assert storm.hear() == "burst"
        watch.next_tick()
    storm.tell()
    return storm.usage()


def reported(path: Path) -> list[tuple[int, int]]:
    """Of each child in the order of their ends: its id, and its faults by wait4."""
    rows = [[int(word) for word in line.split()] for line in path.read_text().splitlines()]
    return [(pid, minor + major) for pid, minor, major in rows]


@pytest.mark.parametrize(
    ("kind", "count"), [("fork", 20_000), ("exec", 20_000), ("thread", 1_000), ("leader", 1_000)]
)
def test_every_process_of_a_storm_is_one_row_with_its_count(
    kind: str, count: int, build: Build, tiny: Path, tmp_path: Path, start: Start, watch: Pftop
) -> None:
    count //= SHARE
    report, burst = tmp_path / "report", min(BURST, count)
    execs = kind in ("exec", "thread")
    storm = start(build("storm"), kind, str(count), str(burst), str(report), *([tiny] if execs else []))
    assert storm.hear() == "ready"
    settled = watch.next_tick()["seq"]
    with family_counters(storm.pid) as counters:
        blow(storm, watch, count // burst)
        perf = sum(counter.read() for counter in counters)
    watch.next_tick()
    all_named(since(watch, settled))
    found = accounts(since(watch, settled))
    children = reported(report)
    assert len(children) == count
    pids = {pid for pid, _ in children}
    rows = {key: row for key, row in found.items() if key[0] in pids and row.comms <= {"storm", "tiny"}}
    assert len(rows) == count
    assert all(row.exited for row in rows.values())
    family = [*rows.values(), of_pid(found, storm.pid)]
    assert sum(sum(row.counts) - row.remote for row in family) == perf
    told = Counter(children)
    shown = Counter((key[0], sum(row.counts)) for key, row in rows.items())
    if not execs or SEES_REMOTE:
        assert shown == told
    else:
        # wait4 has what the kernel faulted in to lay out the new stack as well: so many pages in each exec
        assert set(difference(shown, told)) <= {1, 2, 3}
    whole(accounts(watch.ticks()))
    balanced(watch.ticks())


def difference(shown: Counter[tuple[int, int]], told: Counter[tuple[int, int]]) -> Counter[int]:
    """How much more wait4 tells of each process than its row does; ids used twice are paired in order."""
    pairs = zip(sorted(shown.elements()), sorted(told.elements()), strict=True)
    found = Counter(there - here if pid == same else 1 << 30 for (pid, here), (same, there) in pairs)
    print("wait4 has more:", dict(found))
    return found


@pytest.mark.usefixtures("pid_max")
def test_ids_used_again_in_a_namespace_are_rows_of_their_own(
    build: Build, tmp_path: Path, start: Start, watch: Pftop
) -> None:
    # never fewer: ids come round only after all others
    report, count = tmp_path / "report", 4_000
    program = [str(build("storm")), "fork", str(count), str(BURST), str(report)]
    storm = start(*NAMESPACE, TINY_PIDS, "sh", *program)
    assert storm.hear() == "ready"
    settled = watch.next_tick()["seq"]
    blow(storm, watch, count // BURST)
    watch.next_tick()
    all_named(since(watch, settled))
    children = reported(report)
    # each id in there was many processes, one after the other
    assert max(Counter(pid for pid, _ in children).values()) >= 10
    rows = [row for row in accounts(since(watch, settled)).values() if row.comms == {"storm"} and row.exited]
    assert Counter(sum(row.counts) for row in rows) == Counter(faults for _, faults in children)
    balanced(watch.ticks())


def test_one_id_of_many_processes_is_many_rows(build: Build, start: Start, watch: Pftop) -> None:
    bursts, burst = 8, 250 // SHARE
    count = bursts * burst
    reuse = start(build("reuse"), str(count), str(burst))
    wanted = int(reuse.hear().split()[1])
    settled = watch.next_tick()["seq"]
    told: list[int] = []
    for _ in range(bursts):
        reuse.tell()
        told += map(int, reuse.hear().split())
        # the last of them lives on: it is read in the map now, and by its final record later
        watch.next_tick()
    reuse.tell()
    told += map(int, reuse.hear().split())
    watch.next_tick()
    all_named(since(watch, settled))
    found = accounts(since(watch, settled))
    rows = [found[key] for key in sorted(found) if key[0] == wanted]
    assert len(told) == count
    # in the order of their starts
    assert [sum(row.counts) for row in rows] == told
    assert all(row.exited and row.comms == {"reuse"} for row in rows)
    whole(accounts(watch.ticks()))
    balanced(watch.ticks())


def test_a_process_that_changes_name_and_program_is_one_row(build: Build, start: Start, watch: Pftop) -> None:
    pages, lives = 4_001 // SHARE, 20
    chameleon = start(build("chameleon"), str(pages), str(lives))
    assert chameleon.hear() == "ready"
    settled = watch.next_tick()["seq"]
    with family_counters(chameleon.pid) as counters:
        chameleon.tell()
        chameleon.usage()
        perf = tuple(counter.read() for counter in counters)
    watch.next_tick()
    all_named(since(watch, settled))
    account = of_pid(accounts(since(watch, settled)), chameleon.pid)
    assert (account.minor - account.remote, account.major, account.failed) == (*perf, 0)
    assert perf[0] >= pages * 4 * lives
    names = {f"skin-{life}-{step}" for life in range(1, lives + 1) for step in range(4)}
    assert account.comms <= names | {"chameleon", "exe"}
    assert len(account.comms) > 3
    last = list(watch.rows(chameleon.pid))[-1]
    assert last["comm"] == "skin-1-3"
    whole(accounts(watch.ticks()))
    balanced(watch.ticks())


def test_a_process_lives_on_without_its_first_thread(build: Build, start: Start, watch: Pftop) -> None:
    pages, rounds = 503, 0
    orphan = start(build("orphan"), str(pages))
    assert orphan.hear() == "ready"
    until(lambda: ") Z " in Path(f"/proc/{orphan.pid}/stat").read_text(), "the end of the first thread")
    settled = watch.next_tick()
    perf = PerfCounter(MINOR, [tid for tid in orphan.threads() if tid != orphan.pid])
    # longer than the row of a process that has ended is kept
    while watch.ticks()[-1]["ts_ns"] < settled["ts_ns"] + 4_000_000_000:
        rounds += 1
        orphan.tell()
        assert orphan.usage() == (pages, 0)
        watch.next_tick()
    account = of_pid(accounts(since(watch, settled["seq"])), orphan.pid)
    assert not account.exited
    assert account.counts == (perf.read(), 0, 0)
    assert account.minor >= pages * rounds
    orphan.child.communicate()
    watch.next_tick()
    assert of_pid(accounts(since(watch, settled["seq"])), orphan.pid).exited
    perf.close()
    whole(accounts(watch.ticks()))
    balanced(watch.ticks())


def storm_of(watch: Pftop, start: Start, program: Path, report: Path, count: int) -> dict[int, int]:
    """Forks at full speed while pftop stands still; returns each child's faults by its id."""
    storm = start(program, "fork", str(count), str(count), str(report))
    assert storm.hear() == "ready"
    watch.next_tick()
    watch.child.send_signal(signal.SIGSTOP)
    try:
        storm.tell()
        storm.usage()
    finally:
        watch.child.send_signal(signal.SIGCONT)
    watch.next_tick()
    return dict(reported(report))


def test_a_reader_that_stands_still_has_a_child_whole_or_not_at_all(
    build: Build, tmp_path: Path, start: Start
) -> None:
    count = 4_000
    watch = Changed(SMALL_RINGS, "--log-rate", "10000")
    try:
        watch.ready()
        told = storm_of(watch, start, build("storm"), tmp_path / "report", count)
        last = watch.ticks()[-1]
        end = watch.stop()["totals"]
    finally:
        watch.close()
    rows = {key[0]: sum(row.counts) for key, row in accounts(watch.ticks()).items() if row.comms == {"storm"}}
    got = {pid: faults for pid, faults in rows.items() if pid in told}
    missing = sum(faults for pid, faults in told.items() if pid not in got)
    print(f"{len(got)} of {count} records came through; {missing} faults in the others, ended {end['ended']}")
    assert len(told) == count
    assert 0 < len(got) < count
    assert all(told[pid] == faults for pid, faults in got.items())
    # of the final records that found no room, every fault is kept; and so is the count of log records
    assert missing <= last["totals"]["ended"] <= end["ended"]
    assert sum(tick["log"]["lost"] for tick in watch.ticks()) > 0
    assert end["lost_records"] >= count - len(got)
    exact(watch.ticks())
