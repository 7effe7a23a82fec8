"""A process kept from disturbing the one that it works for."""

from __future__ import annotations

import faulthandler
import fcntl
import os
import resource
import signal
import sys
from multiprocessing import parent_process


def confine(output: int) -> None:
    """Makes this process, and what it starts, a group of its own, which prints to `output`.

    The group can be ended as a whole, and Control-C at the terminal does not reach it. The process
    ends when the main process does, and leaves no memory dump.
    """
    os.setsid()
    _end_with_parent()
    for stream in (1, 2):
        os.dup2(output, stream)
    sys.stdout = sys.stderr  # flushed line by line: what was printed before a crash is there
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with_parent() -> None:
    """Has the system end this process when the main one ends, however that happens.

    The sentinel is a pipe whose other end only the main process holds. A thread waiting for it
    would not run while code under test hangs without giving up the interpreter.
    """
    parent = parent_process()
    if parent is not None:
        signal.signal(signal.SIGIO, signal.SIG_DFL)  # ends the process
        fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(parent.sentinel, fcntl.F_GETFL)
        fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)
