"""Owns the command given after ``--``: started as the user who called sudo, adopted from its first fault on."""

from __future__ import annotations

import os
import pwd
import resource
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pftop.batch.rows import CommandResult


Stream = IO[bytes] | int | None


class CommandError(Exception):
    """The command cannot be started: why, fit to print."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The user who called sudo."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    name: str


@dataclass(frozen=True, slots=True)
class Given:
    """What pftop was started with and has changed for itself: the command gets it as it was."""

    environment: dict[str, str]
    descriptors: tuple[int, int]
    """Soft and hard limit of RLIMIT_NOFILE."""

    @classmethod
    def now(cls) -> Given:
        """As it is now."""
        return cls(dict(os.environ), resource.getrlimit(resource.RLIMIT_NOFILE))


def sudo_caller(environment: dict[str, str], euid: int) -> Caller | None:
    """Who called sudo, by SUDO_UID; None when pftop is not root or was not called through sudo."""
    text = environment.get("SUDO_UID", "")
    if euid != 0 or not (text.isdecimal() and len(text) <= 10):
        return None
    try:
        entry = pwd.getpwuid(int(text))
    except (KeyError, OverflowError):
        return None
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return Caller(entry.pw_uid, entry.pw_gid, groups, entry.pw_dir, entry.pw_name)


class Command:
    """A running command; ended by itself, never by pftop."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        adopt: Callable[[bool], None],
        caller: Caller | None,
        given: Given,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
    ) -> None:
        """Start it; ``adopt`` brackets the fork. Raises CommandError."""
        identity: dict[str, object] = {}
        environment = given.environment
        if caller is not None:
            environment = environment | {"HOME": caller.home, "USER": caller.name, "LOGNAME": caller.name}
            identity = {"user": caller.uid, "group": caller.gid, "extra_groups": caller.groups}
        # whoever ignores it cannot wait for a child, and that is inherited
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        adopt(True)
        try:
            self._child = subprocess.Popen(  # type: ignore[call-overload]
                list(argv), stdin=stdin, stdout=stdout, stderr=stderr, env=environment, umask=-1, **identity
            )
        except (OSError, ValueError) as error:
            raise CommandError(f"{argv[0]}: {getattr(error, 'strerror', None) or error}") from error
        finally:
            adopt(False)
        self.pid: int = self._child.pid
        # not before it runs: starting it takes descriptors, and pftop may have more than it was given; a root without
        # CAP_SYS_RESOURCE may not for another user, whose command can then have as many as pftop
        with suppress(ProcessLookupError, PermissionError):
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE, given.descriptors)
        self._result: CommandResult | None = None

    def ended(self) -> bool:
        """Whether it has ended; leaves it to be waited for."""
        if self._result is not None:
            return True
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def result(self) -> CommandResult:
        """Wait for its end; the usage is its own and that of the children it waited for."""
        if self._result is None:
            _, status, usage = os.wait4(self.pid, 0)
            code = os.waitstatus_to_exitcode(status)
            # Popen must not wait for it a second time
            self._child.returncode = code
            from pftop.batch.rows import CommandResult

            self._result = CommandResult(code if code >= 0 else 128 - code, usage.ru_minflt, usage.ru_majflt)
        return self._result
