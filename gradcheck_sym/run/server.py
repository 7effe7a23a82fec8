"""The process that workers are forked from: it has loaded torch and the rest, once for all."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from multiprocessing.context import BaseContext

# All that a worker imports at once; what only some specs need is loaded where they are judged.
_PRELOAD = ["gradcheck_sym.run.runner", "gradcheck_sym.run.worker", "gradcheck_sym.cli"]
# Its libraries use one thread each: with more, workers would only wait for each other.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def is_possible() -> bool:
    """Whether this system has such servers."""
    return "forkserver" in multiprocessing.get_all_start_methods()


def running() -> BaseContext:
    """What starts workers, once the server has been started if need be."""
    from multiprocessing.forkserver import ensure_running

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    # It keeps open what stands in for stderr, and with it whatever waits for that to be closed.
    with _environment(_settings()), _deaf_to_interrupts(), redirect_stderr(sys.__stderr__):
        ensure_running()
    return context


def _settings() -> Mapping[str, str]:
    """The environment of the server: it finds the modules that this process would find.

    Started by `python -c`, it would look into the current directory first, whatever we do.
    """
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return dict.fromkeys(_THREADS, "1") | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """What is started meanwhile never sees Control-C: it is for the main process to act on it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
