"""Owns the detail of one logged fault in words: bits decoded, and what an invalid access most likely was.

Bits are looked up by the names the running kernel has for them, so a bit it numbers otherwise, or does not
have, is never named wrongly; one without a known name is shown as a number.
"""

from __future__ import annotations

from collections.abc import Mapping

from pftop import formatting
from pftop.causes import CAUSES, NUMBER
from pftop.events import Access, FaultKind, PlanInfo
from pftop.mappings import MemoryMapping
from pftop.model.snapshot import Frame, LogLine

WORDS = {
    "X86_PF_PROT": "page was present: its rights forbade the access",
    "X86_PF_WRITE": "write",
    "X86_PF_USER": "user mode",
    "X86_PF_RSVD": "reserved bit set in the page table",
    "X86_PF_INSTR": "instruction fetch",
    "X86_PF_PK": "protection key",
    "X86_PF_SHSTK": "shadow stack",
    "X86_PF_SGX": "SGX enclave",
    "X86_PF_RMP": "encrypted memory ownership (RMP)",
    "FAULT_FLAG_WRITE": "write",
    "FAULT_FLAG_MKWRITE": "make writable",
    "FAULT_FLAG_ALLOW_RETRY": "may be retried",
    "FAULT_FLAG_RETRY_NOWAIT": "retry without waiting",
    "FAULT_FLAG_KILLABLE": "killable while it waits",
    "FAULT_FLAG_TRIED": "tried before",
    "FAULT_FLAG_USER": "from user mode",
    "FAULT_FLAG_REMOTE": "for another process",
    "FAULT_FLAG_INSTRUCTION": "instruction fetch",
    "FAULT_FLAG_INTERRUPTIBLE": "interruptible while it waits",
    "FAULT_FLAG_UNSHARE": "unshare a page that was pinned",
    "FAULT_FLAG_ORIG_PTE_VALID": "page table entry was read before",
    "FAULT_FLAG_VMA_LOCK": "under the mapping's own lock, not mmap_lock",
    "VM_FAULT_OOM": "out of memory",
    "VM_FAULT_SIGBUS": "no page there (SIGBUS)",
    "VM_FAULT_MAJOR": "had to read the page",
    "VM_FAULT_HWPOISON": "hardware memory error",
    "VM_FAULT_HWPOISON_LARGE": "hardware memory error in a huge page",
    "VM_FAULT_SIGSEGV": "refused (SIGSEGV)",
    "VM_FAULT_NOPAGE": "the handler mapped the page itself",
    "VM_FAULT_LOCKED": "page comes locked",
    "VM_FAULT_RETRY": "lock dropped, to be retried",
    "VM_FAULT_FALLBACK": "no huge page, fell back to small ones",
    "VM_FAULT_DONE_COW": "copied",
    "VM_FAULT_NEEDDSYNC": "needs a synchronous metadata write",
    "VM_FAULT_COMPLETED": "done, lock already released",
}
SIGBUS, BUS_ADRERR = 7, 2
SIGNALS = {
    (11, 1): "SIGSEGV, SEGV_MAPERR: nothing is mapped at the address",
    (11, 2): "SIGSEGV, SEGV_ACCERR: the mapping does not allow the access",
    (11, 3): "SIGSEGV, SEGV_BNDERR: bounds check failed",
    (11, 4): "SIGSEGV, SEGV_PKUERR: a protection key forbids it",
    (7, 1): "SIGBUS, BUS_ADRALN: misaligned address",
    (7, 2): "SIGBUS, BUS_ADRERR: the mapping has no page there",
    (7, 3): "SIGBUS, BUS_OBJERR: error of the object behind the mapping",
    (7, 4): "SIGBUS, BUS_MCEERR_AR: hardware memory error, used by this access",
    (7, 5): "SIGBUS, BUS_MCEERR_AO: hardware memory error, found elsewhere",
}
BY_FRAMES = "(by frame pointers: who called a function that keeps none is missing)"
VMA_BITS = {0x1: "r", 0x2: "w", 0x4: "x", 0x8: "shared"}
NEAR_BYTES = 1 << 20
PAGE_BYTES = 4096
USER_BITS = 47
"""User addresses of x86-64 and riscv64 have no bit from here on."""
Detail = tuple[tuple[str, str], ...]


def bits(value: int, names: Mapping[int, str], first: str = "") -> str:
    """The bits that are set, in words after ``first``; unnamed ones as a number."""
    words = [first] if first else []
    words += [WORDS.get(name, name) for bit, name in sorted(names.items()) if value & bit]
    rest = value & ~sum(names)
    if rest and names:
        words.append(f"{rest:#x}")
    return f"{value:#x}" + (f" ({', '.join(words)})" if words else "")


def error_code(value: int, names: Mapping[int, str]) -> str:
    """The exception's error code; where the kernel names no bits, as on riscv, it is just a number."""
    present = next((bit for bit, name in names.items() if name == "X86_PF_PROT"), 0)
    return bits(value, names, "page was not present" if present and not value & present else "")


def describe(mapping: MemoryMapping) -> str:
    """A mapping's name, rights, range and size."""
    size = formatting.size(mapping.end - mapping.start)
    return f"{mapping.name} {mapping.perms} {mapping.start:#x}-{mapping.end:#x}, {size}"


def place(line: LogLine) -> str:
    """Where the address lies."""
    if line.mapping is None:
        # An invalid fault's mappings were read for its neighbours, so there it is known that nothing is mapped.
        known = line.kind == FaultKind.INVALID and any(line.neighbours)
        return "in no mapping" if known else "in no mapping that could be read"
    inside = line.address - line.mapping.start
    offset = f", file offset {inside + line.mapping.offset:#x}" if line.mapping.name.startswith("/") else ""
    return f"{formatting.size(inside)} into {describe(line.mapping)}{offset}"


def explain(line: LogLine, plan: PlanInfo) -> Detail:
    """Labels and texts, in the order they are read; what is not known is left out."""
    found = [("what", headline(line)), ("thread", f"{line.tid} {line.comm}")]
    if line.kind == FaultKind.INVALID:
        found.append(("signal", SIGNALS.get((line.signal, line.si_code), _unnamed_signal(line))))
    if line.cause and line.cause != "unknown":
        meaning = CAUSES[NUMBER[line.cause]].meaning
        found.append(("cause", f"{line.cause}: {meaning[:1].lower()}{meaning[1:]}"))
    if line.kind == FaultKind.INVALID and (guess := likely(line)):
        found.append(("likely", guess))
    found.append(("address", f"{line.address:#x}, {place(line)}"))
    if line.kind == FaultKind.INVALID and line.cause != "null":
        # Whatever lies above a null pointer is terabytes away and has nothing to do with it.
        found += _neighbours(line)
    found += _code(line)
    if not line.remote:
        found.append(("error code", error_code(line.error_code, plan.bits.get("error_code", {}))))
    found += _in_mm(line, plan) if line.mm_flags is not None else _vma(line)
    if line.skipped:
        were = "fault on that CPU was" if line.skipped == 1 else "faults on that CPU were"
        found.append(("before it", f"{formatting.count(line.skipped)} {were} not logged"))
    return tuple(found)


def _code(line: LogLine) -> list[tuple[str, str]]:
    """The instruction and who called it; the stack's innermost frame is the instruction itself."""
    found = [("instruction", _at(line.ip, line.symbol))] if line.ip_known else []
    callers = _callers(line)
    for depth, frame in enumerate(callers):
        home = f" in {frame.mapping.name}" if frame.mapping is not None else ""
        found.append(("called from" if not depth else "", _at(frame.ip, frame.symbol) + home))
    if callers:
        found.append(("", BY_FRAMES))
    elif line.kind == FaultKind.INVALID:
        found.append(("called from", "not known: no frame pointers, program gone, or too many crashes at once"))
    return found


def _callers(line: LogLine) -> tuple[Frame, ...]:
    """The frames that can be callers: without frame pointers a walk soon takes data for return addresses.

    Code lies in a mapping, and in one that may be executed.
    """
    outer = line.stack[1:]
    bad = (at for at, frame in enumerate(outer) if frame.mapping is None or "x" not in frame.mapping.perms)
    return outer[: next(bad, len(outer))]


def _at(ip: int, symbol: str | None) -> str:
    return f"{symbol} at {ip:#x}" if symbol else f"{ip:#x}"


def headline(line: LogLine) -> str:
    """Kind, access, mode and duration."""
    access = {Access.READ: "read", Access.WRITE: "write", Access.EXEC: "execute"}[line.access]
    mode = "on behalf of get_user_pages" if line.remote else "in kernel mode" if line.kernel_mode else "in user mode"
    took = f", took {formatting.duration(line.latency_ns)}" if line.latency_ns is not None else ""
    return f"{line.kind.name.lower()} fault, {access} {mode}{took}"


def _unnamed_signal(line: LogLine) -> str:
    return f"signal {line.signal}, code {line.si_code}"


def _in_mm(line: LogLine, plan: PlanInfo) -> list[tuple[str, str]]:
    """What handle_mm_fault was called with and returned."""
    wait = formatting.duration(line.lock_wait_ns)
    if line.lock_wait_ns is not None and line.latency_ns:
        wait += f", {formatting.percent(line.lock_wait_ns / line.latency_ns)} of the time it took"
    calls = f"{line.mm_calls} call{'' if line.mm_calls == 1 else 's'} of handle_mm_fault"
    found = [("lock wait", wait), ("handled", f"in {calls}")]
    found += _vma(line)
    found.append(("flags", bits(line.mm_flags or 0, plan.bits.get("fault_flag", {}))))
    found.append(("result", bits(line.mm_result or 0, plan.bits.get("vm_fault", {}))))
    return found


def _vma(line: LogLine) -> list[tuple[str, str]]:
    """What the kernel's own record of the mapping told, if it was read."""
    if line.vma is None:
        return []
    start, end, flags = line.vma
    rights = " ".join(word for bit, word in VMA_BITS.items() if flags & bit) or "none"
    return [("mapping", f"{start:#x}-{end:#x}, {formatting.size(end - start)}, rights {rights}")]


def _neighbours(line: LogLine) -> list[tuple[str, str]]:
    """What lies on both sides of an invalid access, and how far away."""
    below, above = line.neighbours
    found = []
    if below is not None and line.address >= below.end:
        gap = formatting.size(line.address - below.end)
        found.append(("next below", f"{gap} away: {describe(below)}"))
    if above is not None:
        gap = formatting.size(above.start - line.address)
        found.append(("next above", f"{gap} away: {describe(above)}"))
    return found


def likely(line: LogLine) -> str:
    """What such an access usually is; empty when nothing stands out."""
    below, above = line.neighbours
    if line.cause == "null":
        return f"a null pointer, and offset {line.address:#x} of a member or element"
    if line.address >> USER_BITS:
        return "a kernel or non-canonical address: a corrupted pointer"
    if line.cause == "access":
        return _access_guess(line)
    if line.signal == SIGBUS:
        return _bus_guess(line)
    if above is not None and above.name == "[stack]" and above.start - line.address <= 256 * NEAR_BYTES:
        return "the stack outgrew its limit: endless recursion, or a very large local variable"
    if below is not None and line.address - below.end < PAGE_BYTES:
        return f"ran past the end of {below.name}"
    if below is not None and below.name == "[heap]" and line.address - below.end < NEAR_BYTES:
        return "ran past the end of the heap"
    return "a wild or stale pointer: nothing near it is mapped" if below or above else ""


def _bus_guess(line: LogLine) -> str:
    """A SIGBUS for want of a page; alignment and memory errors speak for themselves."""
    if line.si_code != BUS_ADRERR:
        return ""
    return "the file behind the mapping is shorter than the mapping, or was truncated"


def _access_guess(line: LogLine) -> str:
    mapping = line.mapping
    if mapping is None:
        return ""
    if mapping.perms.startswith("---"):
        return "a guard page: a thread's stack or a buffer overflowed"
    if line.access == Access.EXEC and "x" not in mapping.perms:
        return "data was executed: a corrupted return address or function pointer"
    if line.access == Access.WRITE and "w" not in mapping.perms:
        constant = mapping.name.startswith("/")
        return "a constant or code of the program was written to" if constant else "read-only memory was written to"
    return ""
