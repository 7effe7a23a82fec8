"""How much sooner two workers are done than one, and what having a worker at all costs.

Runs are timed in turn, so that a change in the machine's load meets all of them; the median of the
ratios is reported. On one core there is nothing to gain, and no target.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rows import Row

ROOT = Path(__file__).parents[1]
ROUNDS = 3
GAIN = 1.7  # of two workers over one, on two cores
SUITE = ("specs/elementary.yaml", "--checks", "forward,reverse,dtypes")
SMALL = ("specs/autograd_basics", "--points", "100")


def measure() -> list[Row]:
    """Two workers against one on many specs; one against none on a few."""
    cores = len(os.sched_getaffinity(0))
    one, two, gain = _in_turn(SUITE, "1", "2")
    own, none, cost = _in_turn(SMALL, "1", "0")
    target = GAIN if cores > 1 else None
    return [
        Row(f"-j 1 / -j 2, {SUITE[0]}", two, one, gain, target, "s", "at least"),
        Row(f"-j 1 / -j 0, {SMALL[0]}", own, none, cost, None, "s"),
    ]


def _in_turn(words: Sequence[str], first: str, second: str) -> tuple[float, float, float]:
    """Median seconds with each number of workers, and the median ratio, first to second."""
    times = [(_seconds(words, first), _seconds(words, second)) for _ in range(ROUNDS)]
    return (
        median(mine for mine, _ in times),
        median(other for _, other in times),
        median(mine / other for mine, other in times),
    )


def _seconds(words: Sequence[str], workers: str) -> float:
    command = [sys.executable, "-m", "gradcheck_sym", *words, "-q", "-j", workers]
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
