"""Owns what is done with whole records, whatever they hold: told apart, copied, joined.

As plain bytes where that is possible: numpy goes through records member by member, which takes ten times as long. For
the same reason rows are picked by ``take`` and ``compress`` everywhere, never by ``records[rows]``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pftop.events import Records

_MIX = 0x9E3779B97F4A7C15


def identities(records: Records, moment: str = "created_ns") -> npt.NDArray[np.uint64]:
    """One number a record: a tid is reused, a tid with a moment, that its record was made for one, is not."""
    mixed: npt.NDArray[np.uint64] = records[moment] * _MIX + records["tid"]
    return mixed


def copied(records: Records) -> Records:
    """A copy."""
    copy: Records = records.view(_plain(records)).copy().view(records.dtype)
    return copy


def joined(parts: Sequence[Records]) -> Records:
    """The records of one or more arrays of one type; of a single array itself."""
    if len(parts) == 1:
        return parts[0]
    whole: Records = np.concatenate([part.view(_plain(part)) for part in parts]).view(parts[0].dtype)
    return whole


def _plain(records: Records) -> np.dtype[np.void]:
    return np.dtype((np.void, records.dtype.itemsize))
