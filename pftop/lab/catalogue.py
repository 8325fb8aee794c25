"""Owns the list of workloads, in the order in which they teach."""

from __future__ import annotations

from pftop.lab import (
    access,
    bad_pointer,
    bus,
    cow,
    file_map,
    file_read,
    first_touch,
    huge,
    hugetlb,
    lock_fight,
    no_exec,
    null,
    pkey,
    poison,
    remote,
    shared_write,
    shmem,
    stack,
    swap_in,
    unmapped,
    userfault,
    zero_page,
)
from pftop.lab.workload import Workload

WORKLOADS: tuple[Workload, ...] = (
    first_touch.WORKLOAD,
    zero_page.WORKLOAD,
    cow.WORKLOAD,
    stack.WORKLOAD,
    shmem.WORKLOAD,
    file_map.WORKLOAD,
    file_read.WORKLOAD,
    shared_write.WORKLOAD,
    swap_in.WORKLOAD,
    huge.WORKLOAD,
    hugetlb.WORKLOAD,
    userfault.WORKLOAD,
    remote.WORKLOAD,
    lock_fight.WORKLOAD,
    bad_pointer.WORKLOAD,
    null.WORKLOAD,
    unmapped.WORKLOAD,
    access.WORKLOAD,
    no_exec.WORKLOAD,
    bus.WORKLOAD,
    pkey.WORKLOAD,
    poison.WORKLOAD,
)
BY_NAME = {workload.name: workload for workload in WORKLOADS}
