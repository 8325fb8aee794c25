"""Mappings: every form of a line of ``/proc/PID/maps``, names that lie, and a cache that does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pftop.events import ProcessKey
from pftop.mappings import Mappings
from pftop.source import maps
from pftop.source.maps import MapsCache, parse_maps
from tests.unit.test_procstat import line as stat_line
from tests.unit.test_procstat import write_stat

MAPS = b"""\
55d0c8e00000-55d0c8e02000 r-xp 00001000 fe:00 1234                       /usr/bin/sleep
55d0c8e02000-55d0c8e03000 rw-p 00003000 fe:00 1234                       /tmp/with  two spaces
7f0000000000-7f0000002000 rw-p 00000000 00:00 0
7f0000004000-7f0000005000 rw-s 00000000 00:01 5                          /memfd:x y (deleted)
7ffe00000000-7ffe00021000 rw-p 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
"""
KEY = ProcessKey(42, 0)


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(maps, "time", made)
    return made


def process(root: Path, text: bytes, pid: int = 42) -> Path:
    directory = root / str(pid)
    directory.mkdir(exist_ok=True)
    write_stat(root, pid, stat_line(pid=pid))
    (directory / "maps").write_bytes(text)
    return directory


def test_every_form_of_line_is_read() -> None:
    found = [(m.start, m.end, m.perms, m.offset, m.name) for m in parse_maps(MAPS)]
    assert found == [
        (0x55D0C8E00000, 0x55D0C8E02000, "r-xp", 0x1000, "/usr/bin/sleep"),
        (0x55D0C8E02000, 0x55D0C8E03000, "rw-p", 0x3000, "/tmp/with  two spaces"),
        (0x7F0000000000, 0x7F0000002000, "rw-p", 0, "[anon]"),
        (0x7F0000004000, 0x7F0000005000, "rw-s", 0, "/memfd:x y (deleted)"),
        (0x7FFE00000000, 0x7FFE00021000, "rw-p", 0, "[stack]"),
        (0xFFFFFFFFFF600000, 0xFFFFFFFFFF601000, "--xp", 0, "[vsyscall]"),
    ]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"/tmp/\x1b]0;x\x07", "/tmp/\\x1b]0;x\\x07"),
        (b"/tmp/\xe2\x80\xaegpj.exe", "/tmp/\\u{202e}gpj.exe"),
        (b"/tmp/\xff", "/tmp/\\xff"),
        (b"/tmp/a\\012b", "/tmp/a\\012b"),
        (b"/7f0000000000-7f0000001000 rwxp 0 00:00 0 /fake", "/7f0000000000-7f0000001000 rwxp 0 00:00 0 /fake"),
    ],
)
def test_hostile_names_are_safe_and_stay_names(raw: bytes, shown: str) -> None:
    (found,) = parse_maps(b"1000-2000 r--p 00000000 00:00 0   " + raw + b"\n")
    assert (found.start, found.name) == (0x1000, shown)


@pytest.mark.parametrize(
    "raw", [b"", b"x", b"1000-2000 r--p", b"1000 r--p 0 00:00 0", b"zz-2000 r--p 0 0 0", b"\n\n"]
)
def test_lines_that_make_no_sense_are_passed_over(raw: bytes) -> None:
    assert len(parse_maps(raw + b"\n" + MAPS)) == 6


@given(st.binary())
def test_garbage_never_raises(data: bytes) -> None:
    list(parse_maps(data))
    list(parse_maps(b"1000-2000 r--p 0 0 0 " + data))


@given(
    st.lists(
        st.from_regex(rb"[0-9a-g-]{0,18}[- ][0-9a-f]{0,18} [rw-]{2} ?[0-9]? 0:0 [0-9] ?[^\n]{0,4}", fullmatch=True)
    )
)
def test_all_lines_at_once_are_the_lines_one_by_one(lines: list[bytes]) -> None:
    together = parse_maps(b"\n".join(lines))
    alone = [mapping for line in lines for mapping in parse_maps(line)]
    assert list(together) == alone
    assert together.starts.tolist() == [mapping.start for mapping in alone]
    assert together.ends.tolist() == [mapping.end for mapping in alone]


@pytest.mark.parametrize(
    "span", [b"0-1", b"8000000000000000-ffffffffffffffff", b"ffffffffff600000-ffffffffff601000", b"9-a"]
)
def test_numbers_of_every_length_are_read(span: bytes) -> None:
    mappings = parse_maps(span + b" r--p 0 00:00 0\n")
    wanted = [int(part, 16) for part in span.split(b"-")]
    assert [int(mappings.starts[0]), int(mappings.ends[0])] == wanted


@pytest.mark.parametrize("span", [b"10000000000000000-2", b"-2", b"1-", b"1-2g", b"A-B", b"1--2"])
def test_what_is_no_range_is_passed_over(span: bytes) -> None:
    assert not parse_maps(span + b" r--p 0 00:00 0\n")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0x55D0C8DFFFFF, None),
        (0x55D0C8E00000, "/usr/bin/sleep"),
        (0x55D0C8E01FFF, "/usr/bin/sleep"),
        (0x55D0C8E02000, "/tmp/with  two spaces"),
        (0x7F0000002000, None),
        (0x7F0000003FFF, None),
        (0xFFFFFFFFFF600FFF, "[vsyscall]"),
        (0xFFFFFFFFFF601000, None),
        (0, None),
    ],
)
def test_an_address_lies_in_one_mapping_or_in_none(tmp_path: Path, address: int, name: str | None) -> None:
    process(tmp_path, MAPS)
    found = MapsCache(tmp_path).find(KEY, address)
    assert (found.name if found else None) == name


def test_a_mapping_is_not_read_anew_before_its_time(tmp_path: Path, clock: Clock) -> None:
    process(tmp_path, MAPS)
    cache = MapsCache(tmp_path)
    assert len(cache.mappings(KEY)) == 6
    process(tmp_path, b"")
    clock.now += maps.MAX_AGE_S - 0.01
    assert len(cache.mappings(KEY)) == 6
    process(tmp_path, b"1000-2000 r--p 00000000 00:00 0\n")
    clock.now += 0.02
    assert len(cache.mappings(KEY)) == 1


def test_what_has_not_changed_is_not_read_line_by_line_again(tmp_path: Path, clock: Clock) -> None:
    process(tmp_path, MAPS)
    cache = MapsCache(tmp_path)
    before = cache.mappings(KEY)
    clock.now += maps.MAX_AGE_S + 0.01
    again = cache.mappings(KEY)
    assert again[0] is before[0]
    # another object: it was read, which others count
    assert again is not before
    process(tmp_path, MAPS.replace(b"[vsyscall]", b"[other]"))
    clock.now += maps.MAX_AGE_S + 0.01
    assert cache.mappings(KEY)[-1].name == "[other]"


def test_a_miss_looks_again_but_not_at_once(tmp_path: Path, clock: Clock) -> None:
    process(tmp_path, b"1000-2000 r--p 00000000 00:00 0\n")
    cache = MapsCache(tmp_path)
    assert cache.find(KEY, 0x5000) is None
    process(tmp_path, b"5000-6000 r--p 00000000 00:00 0\n")
    clock.now += maps.MIN_AGE_S / 2
    assert cache.find(KEY, 0x5000) is None
    clock.now += maps.MIN_AGE_S
    assert cache.find(KEY, 0x5000) is not None


def test_a_file_that_took_long_is_left_alone_for_as_long_as_it_costs(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(tmp_path, b"1000-2000 r--p 00000000 00:00 0\n")
    took_s = 0.2

    def slowly(data: bytes) -> Mappings:
        clock.now += took_s
        return parse_maps(data)

    monkeypatch.setattr(maps, "parse_maps", slowly)
    cache = MapsCache(tmp_path)
    cache.mappings(KEY)
    process(tmp_path, b"5000-6000 r--p 00000000 00:00 0\n")
    clock.now += maps.SPARED * took_s - took_s - 0.1
    assert cache.find(KEY, 0x5000) is None
    clock.now += 0.2
    assert cache.find(KEY, 0x5000) is not None


def test_a_process_that_has_ended_keeps_the_mappings_it_had(tmp_path: Path, clock: Clock) -> None:
    directory = process(tmp_path, MAPS)
    cache = MapsCache(tmp_path)
    cache.mappings(KEY)
    shutil.rmtree(directory)
    clock.now += 60
    assert len(cache.mappings(KEY)) == 6
    assert cache.find(KEY, 0x7FFE00000000) is not None


def test_a_process_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    assert not MapsCache(tmp_path).mappings(KEY)
    assert MapsCache(tmp_path).find(KEY, 0x1000) is None


def test_the_cache_is_bounded_and_keeps_the_latest(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, most = MapsCache(tmp_path), 64
    # each counts for itself and for its mappings
    monkeypatch.setattr(maps, "MAX_MAPPINGS", most * (1 + len(parse_maps(MAPS))))
    for pid in range(1, most + 3):
        process(tmp_path, MAPS, pid)
        cache.mappings(ProcessKey(pid, 0))
        cache.mappings(ProcessKey(1, 0))
    for pid in range(1, most + 3):
        shutil.rmtree(tmp_path / str(pid))
    assert cache.mappings(ProcessKey(1, 0))
    assert cache.mappings(ProcessKey(most + 2, 0))
    assert not cache.mappings(ProcessKey(2, 0))
