"""What a process holds, and gives back."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from gradcheck_sym.run.memory import give_back, held

_PIECES = """
    import ctypes, resource
    from gradcheck_sym.run.memory import give_back
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() // 2**20
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
    size, count = 100_000, 1_000
    pieces = [libc.malloc(size) for _ in range(count)]
    for piece in pieces:
        ctypes.memset(piece, 1, size)
    for piece in pieces[:-1]:  # the last one lies at the top, and keeps all below
        libc.free(piece)
    kept = resident()
    give_back()
    print(kept - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C library keeps nothing")
def test_what_was_freed_is_given_back() -> None:
    """Of 100 MB in pieces that the C library keeps for later, most go back to the system."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_PIECES)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 80


def test_giving_back_is_harmless() -> None:
    """It may be asked for at any time, where there is nothing to give as well."""
    for _ in range(3):
        give_back()
    assert held() >= 0
