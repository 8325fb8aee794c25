"""The fault lab: one small workload for each kind of page fault, with what is to be expected of it as data."""
