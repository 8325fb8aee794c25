"""pftop: top for page faults.

The package, left to right as the data flows:

- ``source``  kernel to arrays: facts, probe plan, BTF, eBPF through BCC, ``/proc``
- ``events``  the types that cross between layers, and the protocols of a source
- ``model``   arrays to frozen snapshots: accounting, histograms, columns, filters
- ``ui``      snapshots to a terminal (the only place that imports textual)
- ``batch``, ``doctor``  snapshots to text, JSON Lines and CSV; what this machine has
- ``cli``     options in, exit status out
"""

__version__ = "0.1.0"
