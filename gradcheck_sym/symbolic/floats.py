"""A scalar program in plain floating point: quick, vectorized over points, and not rigorous."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import ctx

from gradcheck_sym.symbolic import interpret
from gradcheck_sym.symbolic.carriers import from_balls, to_balls
from gradcheck_sym.symbolic.program import Instruction, Program, released
from gradcheck_sym.symbolic.slopes import SMOOTH

Floats = npt.NDArray[np.float64]

_LARGE = 2**20  # numbers all in all: from here on those that nobody needs any more are let go
_PRECISION = 96  # bits of Arb, for formats of up to 64


def evaluate(
    program: Program,
    rows: npt.NDArray[Any],
    factors: Mapping[int, npt.NDArray[Any]] = MappingProxyType({}),
) -> list[npt.NDArray[Any]]:
    """The outputs at each point, as arrays (points,) of numbers, or of bool for conditions.

    Args:
        program: any scalar program.
        rows: (points, inputs), in float64 or a wider format, which is then computed in.
        factors: instruction -> (points,): what its result is multiplied by.
    """
    columns = dict(zip(program.inputs, rows.T, strict=True))
    large = len(rows) * len(program.code) > _LARGE
    done = released(program) if large else ((),) * len(program.code)
    found: list[Any] = []
    leaders: _Leaders = {}
    with np.errstate(all="ignore"):
        for index, step in enumerate(program.code):
            args = [found[arg] for arg in step.args]
            value = _operation(step, args, columns, leaders)
            found.append(value * factors[index] if index in factors else value)
            for arg in done[index]:
                found[arg] = None
    lanes = (len(rows),)
    return [np.broadcast_to(np.asarray(found[at]), lanes) for at in program.outputs]


_Leaders = dict[tuple[str, tuple[int, ...]], Any]  # of each max or min, for all its wins


def _operation(
    step: Instruction, args: Sequence[Any], columns: dict[str, Floats], leaders: _Leaders
) -> Any:
    match step.op:
        case "input":
            return columns[str(step.data)]
        case "const":
            assert isinstance(step.data, Fraction)
            return _nearest(step.data)
        case "pi" | "e" | "inf":
            return getattr(math, step.op)
        case "max" | "min":
            return reduce(np.maximum if step.op == "max" else np.minimum, args)
        case "wins":
            if step.contest not in leaders:
                leaders[step.contest] = _leader(step.decider, args)
            return np.where(leaders[step.contest] == step.place, 1.0, 0.0)
    if step.op in ("erf", "erfc"):
        return SMOOTH[step.op].value(np.atleast_1d(_floating(args[0])))
    if step.op in _NUMPY:
        return _NUMPY[step.op](*args)
    return _by_balls(step, args)


def _by_balls(step: Instruction, args: Sequence[Any]) -> Any:
    """Functions that NumPy lacks: Arb's, one number at a time."""
    columns = np.broadcast_arrays(*(np.atleast_1d(np.asarray(arg)) for arg in args))
    wide = np.result_type(np.float64, *columns)
    with ctx.workprec(_PRECISION):
        exact = [to_balls(column.astype(wide)) for column in columns]
        found = [interpret.evaluate(step, each, {}) for each in zip(*exact, strict=True)]
        return from_balls(found, wide.type)


def _floating(value: Any) -> Any:
    """A number of Python's as float64, so that a negative power is no error; arrays as they are."""
    return value if isinstance(value, np.ndarray) else np.float64(value)


def _nearest(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _leader(op: str, args: Sequence[Any]) -> Any:
    """The place of the largest argument, or of the smallest."""
    leader = np.argmax if op == "max" else np.argmin
    return leader(np.stack(np.broadcast_arrays(*args)), axis=0)


_NUMPY: dict[str, Callable[..., Any]] = {
    "neg": np.negative,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": lambda a, b: np.power(_floating(a), b),
    "scale": lambda gate, value: np.where(np.equal(gate, 0), 0.0, np.multiply(gate, value)),
    "detach": lambda a: a,
    "select": np.where,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "not": np.logical_not,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
}
_SAME_NAME = "exp expm1 log log1p sqrt sin cos tan sinh cosh tanh abs sign floor ceil"
_NUMPY |= {name: getattr(np, name) for name in _SAME_NAME.split()}
