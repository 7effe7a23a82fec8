"""How much memory there is, and how much this process holds; in MB.

Counted as Linux counts it: what a process may write to and shares with no other. That is what
its limit is about, and what grows when code under test does not let go.
"""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

_MEGABYTE = 2**20
_FOR_WORKERS = 0.8  # of the machine's memory, where nobody says otherwise
_LEAST = 1_024  # for each worker, whatever the machine has: an ordinary spec takes a tenth
# What the processes of a container may have in all, by the two ways to say it.
_OF_CONTAINER = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def share(workers: int) -> int:
    """What each of so many workers may take if nobody says how much."""
    whole = min([_of_machine(), *_of_container()])
    return max(_LEAST, int(whole * _FOR_WORKERS / workers))


def held() -> int:
    """What this process holds; 0 where the system does not tell."""
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
        return pages * os.sysconf("SC_PAGE_SIZE") // _MEGABYTE
    return 0


def give_back() -> None:
    """Hands what was freed back to the system, which the C library keeps otherwise: 1 ms."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], object] | None:
    """malloc_trim, where the C library has one."""
    with suppress(OSError):
        trim: Callable[[int], object] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
        return trim
    return None


def limit(megabytes: int) -> None:
    """Lets this process hold at most so much; asking for more then fails, and may be survived."""
    bound = megabytes * _MEGABYTE
    with suppress(ValueError):  # more than it may have anyway
        resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))


def _of_machine() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _MEGABYTE


def _of_container() -> list[int]:
    found = []
    for path in _OF_CONTAINER:
        with suppress(OSError, ValueError):  # ValueError: "max", which is no limit
            found.append(int(Path(path).read_text(encoding="ascii")) // _MEGABYTE)
    return found
