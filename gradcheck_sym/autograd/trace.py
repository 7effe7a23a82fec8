"""What an implementation does at one point: its ATen operations, and what it compares there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from gradcheck_sym.autograd.dispatch import EagerMode
from gradcheck_sym.autograd.implementation import RAISED
from gradcheck_sym.autograd.kernels import base_name
from gradcheck_sym.autograd.ledger import Array, Job, frozen

Operands = Mapping[str, Any]
_Pair = tuple[Any, Any]  # what is compared, and what with


@final
@dataclass(frozen=True, slots=True)
class Comparison:
    """Numbers that an operation compared with something."""

    operation: str  # such as "gt" or "hardtanh"
    constant: float | None  # what they were compared with; None where that is no single number
    above: Array  # how far each was above it


@final
@dataclass(frozen=True, slots=True)
class Trace:
    """One run, forward and backward; as far as it came, where it raised."""

    operations: tuple[str, ...]  # in order, without their namespace
    literals: tuple[tuple[float, ...], ...]  # the numbers written into each operation
    comparisons: tuple[Comparison, ...]  # in order: those of runs of the same operations correspond
    leaves: bool  # a floating number left the graph, as by .item()


def trace(job: Job, lane: int) -> Trace:
    """What the implementation does at one lane of a job; raises nothing that it raises."""
    tensors = {name: batch[lane].detach().clone() for name, batch in job.inputs.items()}
    leaves = [tensors[name].requires_grad_() for name in job.wrt]
    fed = None if job.cotangents is None else job.cotangents[lane].detach().clone()
    watching = _Watching()
    try:
        with torch.enable_grad(), watching:
            result = job.call(tensors)
            if leaves and result.requires_grad:
                torch.autograd.backward(result, torch.ones_like(result) if fed is None else fed)
    except RAISED:
        pass  # what it did until then is known
    return watching.trace()


@final
class _Watching(EagerMode):
    """Takes down every operation."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._operations: list[str] = []
        self._literals: list[tuple[float, ...]] = []
        self._comparisons: list[Comparison] = []
        self._leaves = False

    def carry_out(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The operation as it is."""
        name = base_name(func)
        self._operations.append(name)
        self._literals.append(tuple(float(a) for a in args if isinstance(a, (int, float))))
        if name == "_local_scalar_dense":
            self._leaves |= args[0].is_floating_point()
        if name in COMPARED:
            for operand, bound in COMPARED[name](_operands(func, args, kwargs)):
                self._note(name, operand, bound)
        return func(*args, **kwargs)

    def _note(self, name: str, operand: Any, bound: Any) -> None:
        constant = None if isinstance(bound, Tensor) and bound.dim() else float(bound)
        with np.errstate(invalid="ignore", over="ignore"):
            above = np.asarray(_array(operand) - _array(bound))
        self._comparisons.append(Comparison(name, constant, above))

    def trace(self) -> Trace:
        """All that was taken down."""
        return Trace(
            tuple(self._operations), tuple(self._literals), tuple(self._comparisons), self._leaves
        )


def _operands(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Operands:
    """All arguments of an operation by name, defaults included."""
    names, defaults = _signature(func)
    return {**defaults, **dict(zip(names, args, strict=False)), **kwargs}


@cache
def _signature(func: Any) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    given = func._schema.arguments
    defaults = {argument.name: argument.default_value for argument in given}
    return tuple(argument.name for argument in given), defaults


def _array(number: Any) -> Array:
    if isinstance(number, Tensor):
        return frozen(number)
    return np.asarray(number, dtype=np.float64)


# --- what operations compare ----------------------------------------------------------------


def _with(*bounds: float) -> Callable[[Operands], list[_Pair]]:
    return lambda given: [(given["self"], bound) for bound in bounds]


def _two(given: Operands) -> list[_Pair]:
    return [(given["self"], given["other"])]


def _ends(low: str, high: str) -> Callable[[Operands], list[_Pair]]:
    def pairs(given: Operands) -> list[_Pair]:
        ends = (given.get(low), given.get(high))
        return [(given["self"], end) for end in ends if end is not None]

    return pairs


def _against(bound: str) -> Callable[[Operands], list[_Pair]]:
    return lambda given: [(given["self"], given[bound])]


def _either_side(width: str) -> Callable[[Operands], list[_Pair]]:
    return lambda given: [(given["self"], given[width]), (given["self"], -given[width])]


def _distance(width: str) -> Callable[[Operands], list[_Pair]]:
    def pairs(given: Operands) -> list[_Pair]:
        gap = given["self"].detach() - given["target"].detach()
        return [(gap, given[width]), (gap, -given[width])]

    return pairs


def _close(given: Operands) -> list[_Pair]:
    one, other = given["self"].detach(), given["other"].detach()
    return [((one - other).abs(), given["atol"] + given["rtol"] * other.abs())]


def _softplus(given: Operands) -> list[_Pair]:
    return [(given["self"], given["threshold"] / given["beta"])]


def _boundaries(values: str, boundaries: str) -> Callable[[Operands], Iterator[_Pair]]:
    def pairs(given: Operands) -> Iterator[_Pair]:
        edges = given[boundaries].detach().flatten().tolist()
        return ((given[values], edge) for edge in edges[:_MOST_BOUNDARIES])

    return pairs


_MOST_BOUNDARIES = 16  # of a table that is searched

PLAIN = ("eq", "ge", "gt", "le", "lt", "ne")  # that say how something compares, and no more

COMPARED: Mapping[str, Callable[[Operands], Any]] = {
    **dict.fromkeys(PLAIN, _two),
    **dict.fromkeys(("fmax", "fmin", "maximum", "minimum"), _two),
    **dict.fromkeys(("abs", "elu", "leaky_relu", "relu", "sgn", "sign", "heaviside"), _with(0.0)),
    **dict.fromkeys(("hardsigmoid", "hardswish"), _with(-3.0, 3.0)),
    **dict.fromkeys(("hardshrink", "softshrink"), _either_side("lambd")),
    **dict.fromkeys(("clamp", "clamp_max", "clamp_min"), _ends("min", "max")),
    "allclose": _close,
    "hardtanh": _ends("min_val", "max_val"),
    "threshold": _against("threshold"),
    "threshold_backward": _against("threshold"),
    "huber_loss": _distance("delta"),
    "smooth_l1_loss": _distance("beta"),
    "softplus": _softplus,
    "bucketize": _boundaries("self", "boundaries"),
    "searchsorted": _boundaries("self", "sorted_sequence"),
}
