"""What the whole of specs/ costs, as a maintainer's CI meets it: seconds a spec, and memory.

All default checks in the default profile, warm: derivatives are remembered from a first run. The
seconds of a spec are those of judging it in this process, without reading it or starting up.
Memory is the most that a run in one process holds, beside that of a process that has imported torch
and SymPy alone; of workers, who are children of a server, no figure comes back.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from rows import Row

from gradcheck_sym.run.options import Options
from gradcheck_sym.run.runner import run
from gradcheck_sym.spec.reader import read
from gradcheck_sym.spec.records import Spec

ROOT = Path(__file__).parents[1]
_SECONDS = 0.1  # of the median spec
_MEMORY = 1.5  # times that of the libraries alone
_SLOWEST = 5  # specs that are shown by name

_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def measure() -> list[Row]:
    """The median spec, the slowest ones, and the peak of memory."""
    specs = read([str(ROOT / "specs")])
    with tempfile.TemporaryDirectory() as folder:
        options = Options(memory=Path(folder))
        run(specs, options, lambda result: None)
        times = sorted(((_seconds(spec, options), spec.name) for spec in specs), reverse=True)
    middle = median(seconds for seconds, _ in times)
    return [
        Row(f"the median of {len(specs)} specs, warm", middle, None, middle, _SECONDS, "s"),
        *(Row(f"{name}, a slow one", s, None, 1.0, None, "s") for s, name in times[:_SLOWEST]),
        _memory(),
    ]


def _seconds(spec: Spec, options: Options) -> float:
    started = time.perf_counter()
    run([spec], options, lambda result: None)
    return time.perf_counter() - started


def _memory() -> Row:
    ours = _peak("-m", "gradcheck_sym", "specs", "-q", "-j", "0")
    theirs = _peak("-c", "import torch, sympy")
    return Row("peak memory / torch and sympy alone", ours, theirs, ours / theirs, _MEMORY, "MB")


def _peak(*words: str) -> float:
    """MB that the largest process of a command holds at most, its children among them."""
    command = [sys.executable, "-c", _PEAK, sys.executable, *words]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return float(done.stdout)
