"""Every float32 number for functions of one number: 2**32 of them, value and gradient.

Run: python benchmarks/sweep.py FUNCTION...
That takes some minutes a function and all cores; a run of all benchmarks extrapolates from a
thousandth of the numbers, drawn at random.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import torch
from exhaustive import FUNCTIONS, Ordinals, batch_at, spec_of
from rows import Row

from gradcheck_sym.run.judge import Judgement
from gradcheck_sym.run.options import Options
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.sampling.ordinals import last_ordinal
from gradcheck_sym.spec.dtypes import format_of

_DTYPE = "float32"
_CORES = 2  # of the machine that the target is about
_TARGET = 600.0  # seconds
_AT_ONCE = 2**16  # numbers: what they take fits into the caches
_PART = 2**26  # numbers that a process takes at a time
_SHARE = 1000  # one number of so many is judged where the rest is extrapolated


def measure() -> list[Row]:
    """Seconds a function on two cores, extrapolated."""
    torch.set_num_threads(1)
    return [_extrapolated(name) for name in FUNCTIONS]


def _extrapolated(name: str) -> Row:
    subject, last = _subject(name), last_ordinal(_DTYPE)
    drawn = np.random.default_rng(0).integers(-last, last + 1, (2 * last + 1) // _SHARE)
    drawn.sort()  # what is judged at once lies side by side, as in full
    _judged(subject, drawn[:_AT_ONCE])  # derives and compiles
    started = time.process_time()
    for start in range(0, len(drawn), _AT_ONCE):
        _judged(subject, drawn[start : start + _AT_ONCE])
    whole = (time.process_time() - started) * (2 * last + 1) / len(drawn) / _CORES
    return Row(f"{name}, every {_DTYPE}, extrapolated", whole, None, whole, _TARGET, "s")


def _subject(name: str) -> Subject:
    return Subject(spec_of(*FUNCTIONS[name]), format_of(_DTYPE), Options())


def _judged(subject: Subject, ordinals: Ordinals) -> Judgement:
    trial = subject.function.trial(batch_at(_DTYPE, ordinals), "elementwise")
    return subject.function.judge(trial, trial.every_column)


def _part(name: str, start: int) -> Counter[str]:
    """Verdicts on all numbers from one ordinal on, as many as a part has."""
    torch.set_num_threads(1)
    subject, last, seen = _subject(name), last_ordinal(_DTYPE), Counter[str]()
    stop = min(start + _PART, last + 1)
    for first in range(start, stop, _AT_ONCE):
        found = _judged(subject, np.arange(first, min(first + _AT_ONCE, stop)))
        seen["decided"] += found.decided
        seen.update(fault.ruling.verdict.value for fault in found.faults)
        seen.update({f"not decided: {reason}": count for reason, count in found.dropped.items()})
    return seen


def _in_full(name: str) -> Iterator[str]:
    """What became of all numbers, in how many seconds."""
    last, started = last_ordinal(_DTYPE), time.perf_counter()
    with ProcessPoolExecutor(os.cpu_count(), get_context("forkserver")) as pool:
        parts = pool.map(partial(_part, name), range(-last, last + 1, _PART))
        seen = sum(parts, Counter[str]())
    yield f"{name}: {2 * last + 1:,} numbers in {time.perf_counter() - started:.0f} s"
    yield from (f"  {count:,} {what}" for what, count in sorted(seen.items()))


def main() -> int:
    """Judge all numbers of the functions that are named."""
    parser = argparse.ArgumentParser(description="Every float32 number, in full.")
    parser.add_argument("names", nargs="+", choices=FUNCTIONS, metavar="FUNCTION")
    for name in parser.parse_args().names:
        for line in _in_full(name):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
