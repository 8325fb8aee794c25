"""Owns how one logged fault becomes a line: what is shown at which width, and the words beside the colours."""

from __future__ import annotations

from pftop import formatting
from pftop.causes import CAUSES
from pftop.events import Access, FaultKind
from pftop.model.snapshot import LogLine
from pftop.text import fit
from pftop.ui.canvas import Line, Pen, tail

KINDS = {
    FaultKind.MINOR: ("min", "minor"),
    FaultKind.MAJOR: ("MAJ", "major"),
    FaultKind.FAILED: ("fail", "hot"),
    FaultKind.INVALID: ("INV", "invalid"),
}
ACCESS = {Access.READ: ("rd", "read"), Access.WRITE: ("wr", "write"), Access.EXEC: ("ex", "exec")}
SIGNALS = {7: "SIGBUS", 11: "SIGSEGV"}
SHORT, WIDE, CAUSED, ROOMY = 76, 100, 115, 150
"""Cells from which the cause has a short name, words are spelt out, the cause too, and the address is shown."""
SHORT_CAUSES = {cause.name: cause.short for cause in CAUSES}
_SYMBOL_SHARE = 0.4


def paint(pen: Pen, line: LogLine, width: int, *, named: bool = True) -> Line:
    """Time, who, what kind, how long, where, and by which code."""
    wide = width >= WIDE
    word, ink = KINDS[line.kind]
    pen.write(" ").write(formatting.clock(line.time), "label").write(" ")
    if named:
        pen.write(fit(str(line.key.pid), 7, ">"))
        if wide:
            thread = "" if line.tid == line.key.pid else f"/{line.tid}"
            pen.write(fit(thread, 8), "dim")
        pen.write(" ").write(fit(line.comm, 15 if wide else 10)).write(" ")
    else:
        pen.write(fit(str(line.tid), 7, ">"), "dim").write(" ")
    pen.write(fit(word, 5), ink)
    short, full = ACCESS[line.access]
    access = (full if wide else short) + ((" k" if wide else "k") if line.kernel_mode else "")
    pen.write(fit(access, 7 if wide else 3)).write(" ")
    slow = "text" if line.latency_ns is None or line.latency_ns < 1_000_000 else "hot"
    pen.write(fit(formatting.duration(line.latency_ns), 6, ">"), slow).write("  ")
    _write_place(pen, line, width)
    return pen.to(width).line


def _write_place(pen: Pen, line: LogLine, width: int) -> None:
    """Where in memory and by which code; why not, for a fault that failed."""
    reason = _reason(line)
    code = line.symbol or (formatting.address(line.ip) if line.ip else "")
    where = _place(line)
    if reason:
        where = f"{reason} at {where}"
    if width >= WIDE:
        if width >= CAUSED:
            pen.write(fit(line.cause or "", 13), "label").write(" ")
        else:
            pen.write(fit(SHORT_CAUSES.get(line.cause or "", ""), 6), "label")
        if width >= ROOMY and line.mapping is not None:
            pen.write(fit(formatting.address(line.address), 15), "dim").write(" ")
    elif width >= SHORT:
        pen.write(fit(SHORT_CAUSES.get(line.cause or "", ""), 6), "label")
    room = max(width - pen.width, 0)
    of_code = int(room * _SYMBOL_SHARE) if width >= WIDE else 0
    pen.write(tail(where, room - of_code), "invalid" if reason else "text")
    if of_code:
        pen.write(" ").write(fit(code, of_code - 1), "label")


def _place(line: LogLine) -> str:
    """The mapping and the offset in it: in the file for a file, else from its start."""
    mapping = line.mapping
    if mapping is None:
        return formatting.address(line.address)
    inside = line.address - mapping.start
    if mapping.name.startswith("/"):
        inside += mapping.offset
    return f"{mapping.name} +{inside:#x}"


def _reason(line: LogLine) -> str:
    """By which signal the kernel refused; why, the cause says."""
    if line.kind is not FaultKind.INVALID:
        return ""
    return SIGNALS.get(line.signal, f"signal {line.signal}" if line.signal else "")
