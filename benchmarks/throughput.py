"""Points fully judged per second, against torch.autograd.gradcheck at the same points."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch
from rows import Row
from torch import Tensor

from gradcheck_sym.run.options import Options
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.sampling.bulk import bulk
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.reader import read
from gradcheck_sym.spec.records import Spec

_POINTS = 4000  # of ours, judged together, as many as a run takes of an elementwise function
_THEIRS = 40  # of the same points, one gradcheck call each
_REPEATS = 5  # interleaved


@final
@dataclass(frozen=True, slots=True)
class Case:
    """One function, as a spec and as gradcheck calls it."""

    name: str
    spec: str
    function: Callable[..., Tensor]


_CASES = (
    Case(
        "logsumexp of 8",
        "inputs: {x: {shape: [8], domain: '[-5, 5]'}}\n"
        "expr: logsumexp(x, 0)\ntorch: torch.logsumexp(x, dim=0)\n",
        lambda x: torch.logsumexp(x, dim=0),
    ),
    Case(
        "gelu",
        "inputs: {x: {shape: [], domain: '[-5, 5]'}}\n"
        "expr: x*(1 + erf(x/sqrt(2)))/2\ntorch: F.gelu(x)\n",
        torch.nn.functional.gelu,
    ),
    Case(
        "tanh(x @ w)",
        "inputs: {x: {shape: [2, 3], domain: '[-1, 1]'}, w: {shape: [3, 2], domain: '[-1, 1]'}}\n"
        "expr: tanh(x @ w)\ntorch: torch.tanh(torch.matmul(x, w))\n",
        lambda x, w: torch.tanh(x @ w),
    ),
    Case(
        "softplus",
        "inputs: {x: {shape: [], domain: '[-5, 5]'}}\nexpr: log1p(exp(x))\ntorch: F.softplus(x)\n",
        torch.nn.functional.softplus,
    ),
    Case(
        "layer_norm of 8",
        "inputs: {x: {shape: [8], domain: '[-5, 5]'}}\n"
        "let: {d: x - mean(x)}\n"
        "expr: d/sqrt(mean(d*d) + 1e-5)\ntorch: F.layer_norm(x, [8])\n",
        lambda x: torch.nn.functional.layer_norm(x, [8]),
    ),
)


def measure() -> list[Row]:
    """One row a function: points a second, ours and theirs, medians of interleaved runs."""
    torch.set_num_threads(1)
    return [_measured(case) for case in _CASES]


def _measured(case: Case) -> Row:
    subject = Subject(_spec(case), format_of("float64"), Options())
    drawn = bulk(subject.space, {}, _POINTS, np.random.default_rng(0)).batch
    subject.function.trial(drawn.take(range(8)), "vmap")  # derive and compile once, as a run does
    ours, theirs = [], []
    for _ in range(_REPEATS):
        ours.append(_POINTS / _seconds(lambda: _judge(subject, drawn)))
        theirs.append(_THEIRS / _seconds(lambda: _gradcheck(case, drawn)))
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Row(
        f"{case.name}: points judged",
        statistics.median(ours),
        statistics.median(theirs),
        statistics.median(pairs),
        100.0,
        "1/s",
        wanted="at least",
    )


def _spec(case: Case) -> Spec:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench.yaml")
        path.write_text(case.spec, encoding="utf-8")
        (spec,) = read([str(path)])
    return spec


def _judge(subject: Subject, drawn: Batch) -> None:
    """Claims, truths and verdicts for value and gradient at all points."""
    trial = subject.function.trial(drawn, "vmap")
    judgement = subject.function.judge(trial, trial.every_column)
    assert judgement.decided == _POINTS
    assert not judgement.is_wrong


def _gradcheck(case: Case, drawn: Batch) -> None:
    for lane in range(_THEIRS):
        inputs = [torch.tensor(array[lane], requires_grad=True) for array in drawn.values.values()]
        assert torch.autograd.gradcheck(case.function, inputs)


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
