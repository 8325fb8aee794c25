"""``-o FILE``: what is written to, what is refused, and who may read it."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pftop.output import OutputError, empty, open_output


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "out"
    before = os.umask(0)
    try:
        with open_output(str(path)) as out:
            out.write("ä\n")
    finally:
        os.umask(before)
    assert path.read_bytes() == "ä\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_existing_file_is_emptied_when_asked_to_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("a long line from before\n")
    path.chmod(0o644)
    open_output(str(path)).close()
    assert path.read_text() == "a long line from before\n"
    with open_output(str(path)) as out:
        empty(out)
        out.write("new\n")
    assert path.read_text() == "new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_link_is_refused_and_what_it_points_to_untouched(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("precious")
    link.symlink_to(target)
    with pytest.raises(OutputError, match=rf"cannot write {link}: is a symbolic link"):
        open_output(str(link))
    assert target.read_text() == "precious"


def test_a_link_to_nothing_makes_nothing(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "made")
    with pytest.raises(OutputError, match="symbolic link"):
        open_output(str(link))
    assert not (tmp_path / "made").exists()


@pytest.fixture
def hurry() -> Iterator[None]:
    """An open that waits for ever is a failure, not a hang."""

    def too_late(_number: int, _frame: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("hurry")
def test_a_fifo_is_refused_without_waiting_for_its_reader(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with pytest.raises(OutputError, match="cannot write"):
        open_output(str(path))
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(OutputError, match="not a regular file"):
            open_output(str(path))
    finally:
        os.close(reader)


@pytest.mark.parametrize(
    ("path", "why"),
    [("", "Is a directory"), ("none/out", "No such file or directory"), ("file/out", "Not a directory")],
)
def test_what_is_no_file_is_refused_with_its_reason(tmp_path: Path, path: str, why: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=why):
        open_output(str(tmp_path / path))


@pytest.mark.parametrize("path", ["/dev/full", "/dev/zero", "/dev/tty"])
def test_devices_are_refused(path: str) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        open_output(path)


def test_the_null_device_is_not_refused() -> None:
    with open_output("/dev/null") as out:
        empty(out)
        out.write("gone")


@pytest.mark.parametrize("owned", [True, False])
def test_only_a_new_file_is_given_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owned: bool) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda _fd, uid, gid: given.append((uid, gid)))
    path = tmp_path / "out"
    if not owned:
        path.write_text("")
    open_output(str(path), (1000, 1001)).close()
    assert given == ([(1000, 1001)] if owned else [])


def test_the_descriptor_is_not_inherited_and_blocks(tmp_path: Path) -> None:
    with open_output(str(tmp_path / "out")) as out:
        assert not os.get_inheritable(out.fileno())
        assert os.get_blocking(out.fileno())
