"""Growth of the main thread's stack."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

from pftop.lab.memory import PAGE, Area, stack_start, write_all
from pftop.lab.workload import Job, Run, Unavailable, Workload

SPARE_BYTES = 1 << 20


@contextmanager
def _prepare(job: Job) -> Iterator[Run]:
    length = job.count * PAGE
    limit = resource.getrlimit(resource.RLIMIT_STACK)[0]
    if limit != resource.RLIM_INFINITY and limit < length + SPARE_BYTES:
        raise Unavailable(f"the stack may not grow by {length} bytes (ulimit -s: {limit // 1024})")
    # the lowest page present is the end of what has been used so far
    area = Area(stack_start() - length, length)
    yield lambda: write_all(area)


WORKLOAD = Workload(
    name="stack",
    title="A stack that grows",
    explains=(
        "The main thread's stack is a mapping that grows downwards by itself, up to ulimit -s: a touch below it "
        "extends it, if it is not too far. Each new page is cleared memory, as with any first touch. "
        "Deep recursion and large local arrays show up here. Other threads' stacks are ordinary anonymous memory."
    ),
    cause="stack",
    kind="minor",
    access="write",
    exact=1_009,
    at_least=1_009,
    prepare=_prepare,
)
