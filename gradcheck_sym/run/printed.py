"""What a worker prints, passed on to stderr: up to a bound, beyond which it is only counted."""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import suppress
from multiprocessing.connection import Connection, wait

_MOST = 2**16  # bytes of each spec
_AT_ONCE = 2**16


class Printed:
    """The output of one worker."""

    def __init__(self, source: Connection) -> None:
        self.source: Connection | None = source  # None once there is nothing more to come
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._bytes = 0

    def pass_on(self) -> None:
        """Passes on what is there, without waiting."""
        while self.source is not None and wait([self.source], 0):
            read = os.read(self.source.fileno(), _AT_ONCE)
            if not read:
                self.close()
                return
            left = max(0, _MOST - self._bytes)
            self._bytes += len(read)
            _show(self._decoder.decode(read[:left]))

    def conclude(self, address: str) -> None:
        """Says how much of a spec's output was left out; the next spec starts afresh."""
        self.pass_on()
        if self._bytes > _MOST:
            _show(f"\n[{address}: {self._bytes - _MOST} more bytes of output are left out]\n")
        self._bytes = 0

    def close(self) -> None:
        """Looks no further."""
        if self.source is not None:
            self.source.close()
            self.source = None


def _show(text: str) -> None:
    with suppress(OSError, ValueError):  # nobody reads
        sys.stderr.write(text)
        sys.stderr.flush()
