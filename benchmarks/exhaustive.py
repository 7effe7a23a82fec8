"""Every finite value of a 16-bit dtype, for functions of one number: seconds a dtype."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from rows import Row

from gradcheck_sym.run.options import Options
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.ordinals import from_ordinals, last_ordinal
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.reader import read
from gradcheck_sym.spec.records import Spec

Ordinals = np.ndarray[tuple[int], np.dtype[np.int64]]

_DTYPES = ("bfloat16", "float16")
_REPEATS = 5
_TARGET = 0.05  # seconds

FUNCTIONS = {
    "gelu": ("x*erfc(-x/sqrt(2))/2", "F.gelu(x)"),
    "atan": ("atan(x)", "torch.atan(x)"),
    "silu": ("x/(1 + exp(-x))", "F.silu(x)"),
    "sin": ("sin(x)", "torch.sin(x)"),
}


def measure() -> list[Row]:
    """Two rows a function and dtype: the truths alone, beside the kernel's time, and all of it."""
    torch.set_num_threads(1)
    return [row for name in FUNCTIONS for dtype in _DTYPES for row in _measured(name, dtype)]


def _measured(name: str, dtype: str) -> Iterator[Row]:
    form = format_of(dtype)
    subject = Subject(spec_of(*FUNCTIONS[name]), form, Options())
    last = last_ordinal(dtype)
    batch = batch_at(dtype, np.arange(-last, last + 1))
    trial = _judged(subject, batch)  # derived and compiled once, as in a run
    derivation, rows = trial.derivation, trial.rows
    truths = _seconds(lambda: derivation.enclose(rows, form.precision))
    theirs = _seconds(lambda: derivation.kernel.enclose(rows, form.precision), repeats=1)
    whole = _seconds(lambda: _judged(subject, batch))
    label = f"{name}, every {dtype}"
    yield Row(f"{label}: truths, beside one by one", truths, theirs, truths, _TARGET, "s")
    yield Row(f"{label}: truths, claims and verdicts", whole, None, whole, _TARGET, "s")


def spec_of(expr: str, implementation: str) -> Spec:
    """The spec of a function of one number."""
    text = f"inputs: {{x: {{shape: []}}}}\nexpr: {expr}\ntorch: {implementation}\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench.yaml")
        path.write_text(text, encoding="utf-8")
        (spec,) = read([str(path)])
    return spec


def batch_at(dtype: str, ordinals: Ordinals) -> Batch:
    """The numbers of a dtype with those ordinals, as points."""
    values = from_ordinals(dtype, ordinals)
    return Batch({}, dtype, {"x": values}, ("bulk by ordinal",) * len(values))


def _judged(subject: Subject, batch: Batch) -> Trial:
    trial = subject.function.trial(batch, "elementwise")
    judgement = subject.function.judge(trial, trial.every_column)
    assert judgement.decided > 0.9 * batch.lanes
    assert not judgement.is_wrong
    return trial


def _seconds(work: Callable[[], object], repeats: int = _REPEATS) -> float:
    """Of one core, the median of some runs; other work on the machine does not count."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)
