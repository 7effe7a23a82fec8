"""How long the program takes to be ready, against what it cannot do without.

Processes are timed in turn, ours then theirs, so that a change in the machine's load meets
both; the median of the pairs is reported.
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

from gradcheck_sym.spec.reader import read

ROOT = Path(__file__).parents[1]
# What any program takes that differentiates as the main job does: torch imports more of itself
# (its symbolic shapes, its decompositions, its compiler) when a first backward, a first jvp and a
# first jvp of a jvp are asked for.
_FIRST_DERIVATIVES = """
import sympy, torch
from torch.func import jvp
x = torch.ones(2, requires_grad=True)
(x * x).sum().backward()
one = torch.ones(2)
jvp(lambda u: jvp(lambda v: v * v, (u,), (one,))[1], (one,), (one,))
"""
PAIRS = 7  # of slow processes
QUICK_PAIRS = 21  # of fast ones, whose times vary more
JOB_RATIO = 1.3  # the main job's cold start, against importing torch and SymPy
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"  # ours would be compiled anew in each run
DOOR_SECONDS = 0.150  # what help, and list and validate for each hundred specs, may add


def measure() -> list[Row]:
    """Cold runs of the main job, and of the doors that load nothing heavy."""
    job = [sys.executable, "-m", "gradcheck_sym", "specs/autograd_basics"]
    libraries = [sys.executable, "-c", "import torch, sympy"]
    ours, theirs, ratio = _against(job, libraries, PAIRS)
    main_job = Row("the main job / import torch, sympy", ours, theirs, ratio, JOB_RATIO, "s")
    derivatives = [sys.executable, "-c", _FIRST_DERIVATIVES]
    figures = _against(job, derivatives, PAIRS)
    beside = Row("the main job / torch's first derivatives", *figures, target=None, unit="s")
    hundreds = len(read([str(ROOT / "specs")])) / 100
    doors = [
        _door(["--help"]),
        *(_door([word, "specs"], hundreds) for word in ("list", "validate")),
    ]
    return [main_job, beside, *doors]


def _door(words: Sequence[str], hundreds: float | None = None) -> Row:
    """What a door adds to a bare interpreter, for each hundred specs that it reads."""
    door = [sys.executable, "-m", "gradcheck_sym", *words]
    bare = [sys.executable, "-c", "pass"]
    ours, theirs, _ = _against(door, bare, QUICK_PAIRS)
    name = f"{' '.join(words)}, seconds beyond a bare interpreter"
    name += ", a hundred specs" if hundreds else ""
    return Row(name, ours, theirs, (ours - theirs) / (hundreds or 1), DOOR_SECONDS, "s")


def _against(ours: Sequence[str], theirs: Sequence[str], pairs: int) -> tuple[float, float, float]:
    """Median seconds of each, and the median ratio of the pairs; the first pair warms the disk."""
    times = [(_seconds(ours), _seconds(theirs)) for _ in range(pairs + 1)][1:]
    return (
        median(mine for mine, _ in times),
        median(other for _, other in times),
        median(mine / other for mine, other in times),
    )


def _seconds(command: Sequence[str]) -> float:
    env = {name: value for name, value in os.environ.items() if name != _NO_BYTECODE}
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
