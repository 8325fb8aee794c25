"""Owns why faults happen: the names, what they mean, and the one table that decides between them.

The kernel side uses the very same table: user space fills a map from ``table()``, indexed by the traits of
``bpf/fault.h``. Where a plan does not see the VMA, it looks for it, or the traits come from
the error code and ``/proc/PID/maps``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

MAJOR, WRITE, PRESENT, FILE, SHMEM, SHARED, STACK, HUGETLB, USERFAULT, HUGE, REMOTE = (1 << bit for bit in range(11))
"""Traits; the numbers are ``TRAIT_*`` of ``bpf/fault.h``, which a test compares."""
TRAITS = 2048


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: its name everywhere, a name of five cells, and a sentence for people who learn."""

    name: str
    short: str
    meaning: str


CAUSES: tuple[Cause, ...] = (
    Cause("unknown", "?", "Not told: the plan does not see the mapping, or it was gone before it could be read."),
    Cause("first-touch", "touch", "First write to a page of anonymous memory; the kernel clears a new page."),
    Cause("zero-page", "zero", "First read of a page of anonymous memory; the shared page of zeros is mapped."),
    Cause("cow", "cow", "Write to a page shared with another process or a file: a copy is made, or taken over."),
    Cause("file-map", "map", "A page of a file that was in the page cache already; only the mapping was missing."),
    Cause("file-read", "read", "A page of a file that had to be read from its device first."),
    Cause("swap-in", "swap", "A page that had been swapped out, to a device or to compressed memory."),
    Cause("shmem", "shmem", "A page of shared memory: tmpfs, memfd, System V, or shared anonymous memory."),
    Cause("shared-write", "shwr", "Write to a shared file mapping; the file system is told that the page is dirty."),
    Cause("stack", "stack", "First use of a page of the main thread's stack, which grows downwards."),
    Cause("huge", "huge", "Anonymous memory served by a transparent huge page."),
    Cause("hugetlb", "hgtlb", "A page of a hugetlbfs mapping."),
    Cause("userfault", "uffd", "Handled by a user-space program through userfaultfd."),
    Cause("numa", "numa", "A page made inaccessible on purpose, to learn which NUMA node uses it."),
    Cause("remote", "gup", "Done by the kernel on behalf of an access to user memory (get_user_pages)."),
    Cause("null", "null", "No memory there: an address close to zero, as from a null pointer."),
    Cause("unmapped", "unmap", "No memory there: the address lies in no mapping (SEGV_MAPERR)."),
    Cause("access", "prot", "The mapping forbids it: a write to read-only memory, or running data (SEGV_ACCERR)."),
    Cause("pkey", "pkey", "A memory protection key forbids it (SEGV_PKUERR)."),
    Cause("bus", "bus", "The mapping has no page there, as past the end of a file (SIGBUS)."),
    Cause("oom", "oom", "No memory was left to serve it."),
    Cause("poison", "hwerr", "The page has a hardware memory error."),
)
"""By number: ``enum fault_cause`` of ``bpf/fault.h``."""
NUMBER = {cause.name: number for number, cause in enumerate(CAUSES)}
NAMES = tuple(cause.name for cause in CAUSES)
INVALID = frozenset({"null", "unmapped", "access", "pkey", "bus", "oom", "poison"})


def decide(traits: int) -> str:
    """The cause of a completed fault from its traits; the first rule that fits."""
    if traits & REMOTE:
        return "remote"
    if traits & HUGETLB:
        return "hugetlb"
    if traits & USERFAULT:
        return "userfault"
    if traits & SHMEM:
        return _of_shmem(traits)
    if traits & FILE:
        return _of_file(traits)
    return _of_anonymous(traits)


def _of_anonymous(traits: int) -> str:
    if traits & HUGE:
        return "huge"
    if traits & MAJOR:
        return "swap-in"
    if traits & PRESENT:
        return "cow" if traits & WRITE else "unknown"
    if traits & STACK:
        return "stack"
    return "first-touch" if traits & WRITE else "zero-page"


def _of_shmem(traits: int) -> str:
    # memory without a device behind it: a major fault there can only come from swap
    if traits & MAJOR:
        return "swap-in"
    if traits & WRITE and not traits & SHARED:
        return "cow"
    return "shmem"


def _of_file(traits: int) -> str:
    if traits & MAJOR:
        # an anonymous copy in a private mapping comes back from swap, but its VMA looks the same
        return "file-read"
    if traits & WRITE:
        return "shared-write" if traits & SHARED else "cow"
    return "file-map"


def untold(arch: str, *, access: bool) -> int:
    """Traits that cannot be known on a machine: only x86's error code tells whether the page was there."""
    return (0 if arch == "x86_64" else PRESENT) | (0 if access else WRITE)


@cache
def table(untold: int = 0) -> tuple[int, ...]:
    """The cause's number for every combination of traits; unknown where it hangs on a trait that is ``untold``."""
    choices = [bits for bits in range(TRAITS) if not bits & ~untold]
    causes = ({decide(traits & ~untold | choice) for choice in choices} for traits in range(TRAITS))
    return tuple(NUMBER[found.pop()] if len(found) == 1 else NUMBER["unknown"] for found in causes)
