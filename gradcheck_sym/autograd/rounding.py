"""What rounding errors does this very implementation make here? Its own graph, run with others.

Monte Carlo arithmetic (Parker 1997; CESTAC, Vignes 1993): every operation of forward and backward
that rounds has its result moved by a random relative error of a few units roundoff, a few times
over. The spread of what comes out is the effect of rounding, to first order the probabilistic
counterpart of ball arithmetic over the same graph: an error far beyond it is no rounding error.

A rounding error is a function of what is computed, so it repeats itself: the same operation on
the same numbers is moved alike, and a mask such as x == x.exp().max() keeps meaning what it did.

What does not depend on anything but literals is a constant of the formula, and exact here: pi
rounded to float32 is another formula, while x rounded to float32 has lost digits. Beside a number
that does depend on data, a literal such as 1/3 is as far off as the dtype rounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, final

import numpy as np
from torch import Tensor

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.ledger import Array, Claims
from gradcheck_sym.autograd.perturbed import Perturbed
from gradcheck_sym.autograd.reverse import reverse

RUNS = 16

# How sure to be that rounding is not taken for a mistake, for one number: one in a billion, as
# thousands of numbers are looked at in a run and hundreds of functions in a suite.
_RISK = 1e-9


@final
@dataclass(frozen=True, slots=True)
class Spread:
    """How far rounding moves each number: the largest deviation in a few perturbed runs."""

    values: Array  # (lanes, *shape of the result); NaN where there is no value
    gradients: Mapping[str, Array | None]  # (lanes, *shape of the input); None: autograd gave none
    runs: int
    flipped: bool  # a comparison came out otherwise in some run
    narrowest: str  # of the dtypes in which something was rounded; "" where nothing was
    cast: str  # the narrowest dtype to which wider numbers were cast; "" where none were
    plain: Claims  # what was claimed while nothing was moved, and all was watched


def reach(runs: int = RUNS) -> float:
    """How many spreads rounding may come to; what is beyond is something else, but for a chance.

    To first order an error is a sum of roundings d_k, independent and at most r_k in size, with r
    the root of the sum of the r_k**2. It exceeds x*r with a chance below 2*exp(-x**2/2)
    (Hoeffding; Higham and Mary 2019 for rounding). A perturbed run draws each uniformly in
    [-r_k, r_k]: the density of its deviation is below 1/sqrt(2)/r (Ball 1986, on sections of the
    cube), so the largest of n deviations is below y*r with a chance below (sqrt(2)*y)**n. An error
    above f times that then has a chance below 2*gamma(n/2 + 1)*(2/f)**n, here the risk.
    """
    logarithm = math.log(2 / _RISK) + math.lgamma(runs / 2 + 1)
    return 2 * math.exp(logarithm / runs)


def spreads(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
    mode: str = "each",
    runs: int = RUNS,
) -> Iterator[Spread]:
    """How far rounding moves the claims about each lane, after each run ever wider.

    Who sees all errors explained may stop. Arguments as of `reverse`. The same call gives the same
    answers. Rounding inside code that leaves torch (NumPy, Python's own arithmetic) is not seen.
    Infinite where a run leaves the finite numbers, or fails, and the plain run does not; 0 where
    two plain runs differ, for that is no rounding. Never raises for what the implementation does.
    """
    request = values, wrt, cotangents, dtype
    plain, marks = _run(None, implementation, *request, mode)
    again, _ = _run(None, implementation, *request, plain.mode)
    widest = {
        name: np.where(np.isfinite(array), 0.0, np.nan) for name, array in _numbers(plain).items()
    }
    flipped = False
    for run in range(runs):
        moved, seen = _run(run, implementation, *request, plain.mode)
        flipped |= seen.outcomes != marks.outcomes
        narrowest, cast = (
            str(dtype or "").removeprefix("torch.") for dtype in (seen.narrowest, seen.cast)
        )
        widest = _wider(widest, _numbers(plain), _numbers(again), _numbers(moved))
        gradients = {name: widest.get(name) for name in plain.gradients}
        yield Spread(
            widest[""], MappingProxyType(gradients), run + 1, flipped, narrowest, cast, plain
        )


def _run(
    seed: int | None, implementation: Implementation, *request: Any
) -> tuple[Claims, Perturbed]:
    mode = Perturbed(seed, lenient=not implementation.single)

    def call(tensors: Mapping[str, Tensor]) -> Tensor:
        mode.begin(tensors.values())
        return implementation.call(tensors)

    with mode:
        return reverse(replace(implementation, call=call), *request), mode


def _numbers(claims: Claims) -> dict[str, Array]:
    """The gradients that there are, by input; the values under no name."""
    given = {name: array for name, array in claims.gradients.items() if array is not None}
    return {"": claims.values} | given


def _wider(
    widest: Mapping[str, Array],
    plain: Mapping[str, Array],
    again: Mapping[str, Array],
    moved: Mapping[str, Array],
) -> dict[str, Array]:
    """The largest deviations so far; where a second plain run differs from the first, none."""
    wider = {}
    for name, before in plain.items():
        deviation = _deviation(before, moved.get(name))
        repeats = _deviation(before, again.get(name)) == 0
        wider[name] = np.maximum(widest[name], np.where(repeats, deviation, 0.0))  # NaN stays NaN
        wider[name].setflags(write=False)
    return wider


def _deviation(plain: Array, moved: Array | None) -> Array:
    """How far a run is from the plain one; infinitely far where it has no number."""
    if moved is None or moved.shape != plain.shape:
        return np.full(plain.shape, np.inf)
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.where(moved == plain, 0.0, np.abs(moved - plain))
    return np.where(np.isnan(gap), np.inf, gap)
