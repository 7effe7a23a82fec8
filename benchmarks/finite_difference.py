"""How good finite differences are: error, honesty of the bar, and cost, on smooth functions.

Run: python benchmarks/finite_difference.py [points per function, default 40]
Truth: closed derivatives in mpmath at 60 digits, at the exact value of each float. Every oracle
sees the same torch forward. scipy and numdifftools take part where they are installed.
"""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, final

import mpmath
import numpy as np
import torch
from numpy.typing import NDArray
from rows import Row

from gradcheck_sym.numerical.gradient import lane_slopes
from gradcheck_sym.numerical.oracle import derivative

Floats = NDArray[np.float64]
mp = mpmath.mp
SEED = 20
DIGITS = 60


@final
@dataclass(frozen=True, slots=True)
class Smooth:
    """A smooth function, its derivative at high precision, and where it is asked for."""

    name: str
    forward: Callable[[torch.Tensor], torch.Tensor]
    slope: Callable[[Any], Any]  # mpf -> mpf
    low: float
    high: float


@final
@dataclass(frozen=True, slots=True)
class Answer:
    """What an oracle says at some points; error is NaN where it gives none."""

    value: Floats
    error: Floats  # inf where undecided
    evaluations: float  # per slope; NaN where not known
    seconds: float  # per slope


FUNCTIONS = (
    Smooth("exp", torch.exp, mp.exp, -5, 5),
    Smooth("sin", torch.sin, mp.cos, -10, 10),
    Smooth("log", torch.log, lambda x: 1 / x, 1e-3, 10),
    Smooth("1/x", torch.reciprocal, lambda x: -1 / x**2, 1e-2, 3),
    Smooth("sqrt", torch.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), 1e-3, 9),
    Smooth("tanh", torch.tanh, lambda x: mp.sech(x) ** 2, -4, 4),
    Smooth("atan", torch.atan, lambda x: 1 / (1 + x * x), -20, 20),
    Smooth("tan", torch.tan, lambda x: mp.sec(x) ** 2, -1.5, 1.5),
    Smooth("gauss", lambda x: torch.exp(-x * x), lambda x: -2 * x * mp.exp(-x * x), -5, 5),
    Smooth("exp(50 x)", lambda x: torch.exp(50 * x), lambda x: 50 * mp.exp(50 * x), -3, 3),
    Smooth("sin(1e5 x)", lambda x: torch.sin(1e5 * x), lambda x: 10**5 * mp.cos(10**5 * x), -2, 2),
    Smooth("sigmoid", torch.sigmoid, lambda x: mp.sech(x / 2) ** 2 / 4, -30, 10),
    Smooth(
        "softplus", lambda x: torch.log1p(torch.exp(x)), lambda x: 1 / (1 + mp.exp(-x)), -30, 30
    ),
    Smooth("erf", torch.erf, lambda x: 2 * mp.exp(-x * x) / mp.sqrt(mp.pi), -3, 3),
    Smooth("lgamma", torch.lgamma, mp.digamma, 0.1, 30),
    Smooth(
        "runge", lambda x: 1 / (1 + 25 * x * x), lambda x: -50 * x / (1 + 25 * x * x) ** 2, -3, 3
    ),
    Smooth("x**7", lambda x: x**7, lambda x: 7 * x**6, -3, 3),
    Smooth("x**x", lambda x: x**x, lambda x: x**x * (mp.log(x) + 1), 1e-2, 5),
)

Oracle = Callable[[Smooth, Floats], Answer]


def along(function: Smooth, x: float) -> Callable[[Floats], Floats]:
    """The function of an offset from x, over NumPy arrays."""
    return lambda t: np.asarray(function.forward(torch.from_numpy(x + t)).numpy())


def ours(function: Smooth, points: Floats) -> Answer:
    """Our differences, one point at a time."""
    start = time.perf_counter()
    found = [derivative(along(function, x), x) for x in points]
    return _ours(found, time.perf_counter() - start)


def ours_complex(function: Smooth, points: Floats) -> Answer:
    """Our oracle on all points at once, confirmed complex steps included."""

    def forward(inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return function.forward(inputs["x"])

    start = time.perf_counter()
    found = lane_slopes(forward, {"x": points}, "x", np.ones_like(points), batched=True)
    return _ours([lane[()] for lane in found], time.perf_counter() - start)


def _ours(found: Iterable[Any], seconds: float) -> Answer:
    found = list(found)
    return Answer(
        np.array([estimate.value for estimate in found]),
        np.array([estimate.error for estimate in found]),
        float(np.mean([estimate.evaluations for estimate in found])),
        seconds / len(found),
    )


def central(function: Smooth, points: Floats) -> Answer:
    """(f(x + h) - f(x - h)) / 2h at h = 1e-6."""
    start, h = time.perf_counter(), 1e-6
    pairs = [along(function, x)(np.array([h, -h])) for x in points]
    value = np.array([(right - left) / (2 * h) for right, left in pairs])
    seconds = (time.perf_counter() - start) / len(points)
    return Answer(value, np.full(len(points), np.nan), 2, seconds)


def scipy(function: Smooth, points: Floats) -> Answer:
    """scipy.differentiate.derivative with its default step."""
    module = import_module("scipy.differentiate")

    def forward(x: Floats) -> Floats:
        return np.asarray(function.forward(torch.from_numpy(np.ascontiguousarray(x))).numpy())

    start = time.perf_counter()
    found = [module.derivative(forward, np.array([x])) for x in points]
    seconds = (time.perf_counter() - start) / len(points)
    return Answer(
        np.array([result.df[0] for result in found]),
        np.array([result.error[0] for result in found]),
        float(np.mean([result.nfev[0] for result in found])),
        seconds,
    )


def numdifftools(function: Smooth, points: Floats) -> Answer:
    """numdifftools.Derivative with its defaults."""
    module = import_module("numdifftools")

    def forward(x: Floats) -> Floats:
        return np.asarray(function.forward(torch.as_tensor(x)).numpy())

    slope = module.Derivative(forward, full_output=True)
    start = time.perf_counter()
    found = [slope(x) for x in points]
    seconds = (time.perf_counter() - start) / len(points)
    return Answer(
        np.array([float(result[0]) for result in found]),
        np.array([float(_numdifftools_error(result)) for result in found]),
        float("nan"),
        seconds,
    )


def _numdifftools_error(result: Any) -> Any:
    """Older versions give (value, information), newer ones one record."""
    return result.error_estimate if hasattr(result, "error_estimate") else result[1].error_estimate


ORACLES: tuple[tuple[str, Oracle], ...] = (
    ("ours: differences", ours),
    ("ours: batched, complex step", ours_complex),
    ("central, h = 1e-6", central),
    ("scipy.differentiate", scipy),
    ("numdifftools", numdifftools),
)


def truth(function: Smooth, points: Floats) -> list[Any]:
    """The derivatives as mpmath numbers, from the exact values of the floats."""
    with mp.workdps(DIGITS):
        return [function.slope(mp.mpf(float(x))) for x in points]


@final
@dataclass(frozen=True, slots=True)
class Score:
    """An oracle's answers on one function or on all, against the truth."""

    relative: Floats  # errors at decided points
    covered: NDArray[np.bool_]  # of those, which bars reach the truth
    bar: Floats  # bars, relative to the truth
    points: int
    evaluations: float
    seconds: float

    def row(self, name: str) -> str:
        """One line of the table."""
        if not len(self.relative):
            return f"{name:28} {'nothing decided':>50}"
        median, high = np.median(self.relative), np.quantile(self.relative, 0.99)
        gives = np.isfinite(self.bar).any()
        cover = f"{np.mean(self.covered):8.2%}" if gives else f"{'-':>8}"
        bar = f"{np.median(self.bar):8.0e}" if gives else f"{'-':>8}"
        calls = "-" if np.isnan(self.evaluations) else f"{self.evaluations:.0f}"
        undecided = 1 - len(self.relative) / self.points
        return (
            f"{name:28}{median:9.0e}{high:9.0e}{self.relative.max():9.0e}{bar:>9}{cover:>9}"
            f"{undecided:10.1%}{calls:>7}{self.seconds * 1e6:9.0f}"
        )


def score(answer: Answer, truths: list[Any]) -> Score:
    """Judge answers in mpmath, so that neither truth nor distance is rounded first."""
    relative, covered, bars = [], [], []
    for value, error, true in zip(answer.value, answer.error, truths, strict=True):
        if np.isinf(error) or not np.isfinite(value):
            continue
        with mp.workdps(DIGITS):
            gap = abs(mp.mpf(float(value)) - true)
            relative.append(float(gap / abs(true)))
            covered.append(bool(gap <= error))
            bars.append(float(error / abs(true)))
    return Score(
        np.array(relative),
        np.array(covered, dtype=np.bool_),
        np.array(bars),
        len(truths),
        answer.evaluations,
        answer.seconds,
    )


def together(scores: list[Score]) -> Score:
    """All functions as one."""
    return Score(
        np.concatenate([one.relative for one in scores]),
        np.concatenate([one.covered for one in scores]),
        np.concatenate([one.bar for one in scores]),
        sum(one.points for one in scores),
        float(np.mean([one.evaluations for one in scores])),
        float(np.mean([one.seconds for one in scores])),
    )


def sample(function: Smooth, count: int) -> Floats:
    """Seeded points, uniform over the function's interval."""
    return np.random.default_rng(SEED).uniform(function.low, function.high, count)


def compare(oracle: Oracle, count: int) -> list[Score]:
    """One score per function."""
    scores = []
    for function in FUNCTIONS:
        points = sample(function, count)
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            scores.append(score(oracle(function, points), truth(function, points)))
    return scores


def measure() -> list[Row]:
    """What is asked of the oracle, and numdifftools beside it."""
    scores = together(compare(ours, 40))
    theirs = None
    with contextlib.suppress(ModuleNotFoundError):
        theirs = together(compare(numdifftools, 40))
    median = float(np.median(scores.relative))
    undecided = 1 - len(scores.relative) / scores.points
    return [
        Row(
            "finite differences: share of decided points whose bar covers the truth",
            float(np.mean(scores.covered)),
            None if theirs is None else float(np.mean(theirs.covered)),
            float(np.mean(scores.covered)),
            0.99,
            "of points",
            "at least",
        ),
        Row(
            "finite differences: median relative error",
            median,
            None if theirs is None else float(np.median(theirs.relative)),
            median,
            1e-12,
            "relative",
        ),
        Row(
            "finite differences: share of smooth points left undecided",
            undecided,
            None,
            undecided,
            0.01,
            "of points",
        ),
    ]


def main(count: int) -> None:
    """Print each oracle over all functions, and ours function by function."""
    title = "relative error"
    print(f"{len(FUNCTIONS)} functions x {count} points")
    print(f"{'':28}{title:^27}{'bar':>9}{'bar':>9}{'un-':>10}{'evalua-':>7}{'µs per':>9}")
    print(
        f"{'':28}{'median':>9}{'p99':>9}{'max':>9}{'median':>9}{'covers':>9}"
        f"{'decided':>10}{'tions':>7}{'slope':>9}"
    )
    details = []
    for name, oracle in ORACLES:
        try:
            scores = compare(oracle, count)
        except ModuleNotFoundError as error:
            print(f"{name:28} not installed ({error.name})")
            continue
        print(together(scores).row(name))
        if oracle in (ours, ours_complex):
            details += [
                f"\n{name}",
                *(s.row(f.name) for f, s in zip(FUNCTIONS, scores, strict=True)),
            ]
    print("\n".join(details))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
