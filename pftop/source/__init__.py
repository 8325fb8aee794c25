"""Kernel to arrays: facts, the choice of a probe plan, BTF, the wire format, eBPF through BCC, and ``/proc``."""
