"""Owns the detail of one logged fault in words: bits decoded, and what an invalid access most likely was.

Bits are looked up by the names the running kernel has for them, so a bit it numbers otherwise, or does not
have, is never named wrongly; one without a known name is shown as a number.
"""

from __future__ import annotations

from collections.abc import Mapping

from pftop import formatting
from pftop.causes import CAUSES, NUMBER
from pftop.events import Access, FaultKind, MemoryMapping, PlanInfo
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
VMA_BITS = {0x1: "r", 0x2: "w", 0x4: "x", 0x8: "shared"}
NEAR_BYTES = 1 << 20
PAGE_BYTES = 4096
Detail = tuple[tuple[str, str], ...]


def bits(value: int, names: Mapping[int, str]) -> str:
    """The bits that are set, in words; unnamed ones as a number."""
    words = [WORDS.get(name, name) for bit, name in sorted(names.items()) if value & bit]
    rest = value & ~sum(names)
    if rest:
        words.append(f"{rest:#x}")
    return f"{value:#x}" + (f" ({', '.join(words)})" if words else "")


def place(address: int, mapping: MemoryMapping | None) -> str:
    """Where an address lies."""
    if mapping is None:
        return "in no mapping that could be read"
    inside = address - mapping.start
    offset = f", file offset {inside + mapping.offset:#x}" if mapping.name.startswith("/") else ""
    return f"{mapping.name} {mapping.perms}, {formatting.size(inside)} into it{offset}"


def explain(line: LogLine, plan: PlanInfo) -> Detail:
    """Labels and texts, in the order they are read; what is not known is left out."""
    found = [("what", headline(line)), ("address", f"{line.address:#x}  {place(line.address, line.mapping)}")]
    if line.cause and line.cause != "unknown":
        found.append(("cause", f"{line.cause}: {CAUSES[NUMBER[line.cause]].meaning}"))
    if line.kind == FaultKind.INVALID:
        found += invalid(line)
    if line.ip:
        found.append(("instruction", f"{line.symbol or '-'} at {line.ip:#x}"))
    found += [(f"called from {depth}", f"{frame.symbol or '-'} at {frame.ip:#x}") for depth, frame in calls(line)]
    if line.kind == FaultKind.INVALID and len(line.stack) < 2:
        found.append(("stack", "ends here: the program keeps no frame pointers, or was gone"))
    if not line.remote:
        found.append(("error code", bits(line.error_code, plan.bits.get("error_code", {}))))
    if line.mm_flags is not None:
        found += in_mm(line, plan)
    return tuple(found)


def calls(line: LogLine) -> list[tuple[int, Frame]]:
    """The stack without its innermost frame, which is the instruction itself."""
    return list(enumerate(line.stack))[1:]


def headline(line: LogLine) -> str:
    """Kind, access, mode and duration."""
    access = {Access.READ: "read", Access.WRITE: "write", Access.EXEC: "execute"}[line.access]
    mode = "on behalf of get_user_pages" if line.remote else "in kernel mode" if line.kernel_mode else "in user mode"
    known = formatting.duration(line.latency_ns)
    took = f", {known}" if line.latency_ns is not None else ", duration not known"
    return f"{line.kind.name.lower()} fault, {access} {mode}{took}"


def in_mm(line: LogLine, plan: PlanInfo) -> list[tuple[str, str]]:
    """What handle_mm_fault was called with and returned."""
    found = [("lock wait", formatting.duration(line.lock_wait_ns))]
    found.append(("handled", f"in {line.mm_calls} call{'s' if line.mm_calls != 1 else ''} of handle_mm_fault"))
    if line.vma is not None:
        start, end, flags = line.vma
        rights = " ".join(word for bit, word in VMA_BITS.items() if flags & bit) or "none"
        found.append(("mapping", f"{start:#x}-{end:#x}, {formatting.size(end - start)}, rights {rights}"))
    found.append(("flags", bits(line.mm_flags or 0, plan.bits.get("fault_flag", {}))))
    found.append(("result", bits(line.mm_result or 0, plan.bits.get("vm_fault", {}))))
    return found


def invalid(line: LogLine) -> list[tuple[str, str]]:
    """The signal, what lies on both sides, and what that makes likely."""
    signal = SIGNALS.get((line.signal, line.si_code), f"signal {line.signal}, code {line.si_code}")
    below, above = line.neighbours
    found = [("signal", signal)]
    if below is not None:
        gap = max(0, line.address - below.end)
        where = "contains it" if line.address < below.end else f"ends {formatting.size(gap)} below"
        found.append(("below", f"{below.start:#x}-{below.end:#x} {below.perms} {below.name}, {where}"))
    if above is not None:
        found.append(
            (
                "above",
                f"{above.start:#x}-{above.end:#x} {above.perms} {above.name}, "
                f"begins {formatting.size(above.start - line.address)} above",
            )
        )
    guess = likely(line)
    return [*found, ("likely", guess)] if guess else found


def likely(line: LogLine) -> str:
    """What such an access usually is; empty when nothing stands out."""
    below, above = line.neighbours
    if line.cause == "null":
        return f"a null pointer, and offset {line.address:#x} of a member or element"
    if line.address >> 47:
        return "a kernel or non-canonical address: a corrupted pointer"
    if line.cause == "access":
        return _access_guess(line)
    if line.signal == 7:
        return "the file behind the mapping is shorter than the mapping, or was truncated"
    if above is not None and above.name == "[stack]" and above.start - line.address <= 256 * NEAR_BYTES:
        return "the stack outgrew its limit: endless recursion, or a very large local variable"
    if below is not None and line.address - below.end < PAGE_BYTES:
        return f"ran past the end of {below.name}"
    if below is not None and below.name == "[heap]" and line.address - below.end < NEAR_BYTES:
        return "ran past the end of the heap"
    return "a wild or stale pointer: nothing near it is mapped" if below or above else ""


def _access_guess(line: LogLine) -> str:
    mapping = line.mapping
    if mapping is None:
        return ""
    if line.access == Access.EXEC and "x" not in mapping.perms:
        return "data was executed: a corrupted return address or function pointer"
    if mapping.perms.startswith("---"):
        return "a guard page: a thread's stack or a buffer overflowed"
    if line.access == Access.WRITE and "w" not in mapping.perms:
        constant = mapping.name.startswith("/")
        return "a constant or code of the program was written to" if constant else "read-only memory was written to"
    return ""
