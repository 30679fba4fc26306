"""Ask the system to begin writing a file out, so that the sync at its end finds little left to do.

A hint without any promise of durability, and nothing at all where the system has no such call.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: Begin to write the range, wait for nothing (Linux, sync_file_range(2)).
_SYNC_FILE_RANGE_WRITE: Final = 2


def begin(descriptor: int, offset: int, length: int) -> None:
    """Begin writing *length* bytes from *offset* to the disk. An error shows at the sync."""
    call = _system_call()
    if call is not None:
        call(descriptor, offset, length, _SYNC_FILE_RANGE_WRITE)


@cache
def _system_call() -> Callable[[int, int, int, int], int] | None:
    try:
        call = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError):
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    call.restype = ctypes.c_int
    return call
