"""What leaves a dtype's range on the way, out of numbers well within it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, final

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction

from gradcheck_sym.autograd.dispatch import EagerMode
from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.kernels import base_name, tensors
from gradcheck_sym.autograd.ledger import Array
from gradcheck_sym.autograd.noise import nowhere_zero
from gradcheck_sym.autograd.reverse import reverse

# Of finite numbers these give an infinity only where the result is too large, or divides by 0.
_ARITHMETIC = frozenset(
    """add addbmm addcdiv addcmul addmm addmv addr baddbmm bmm convolution cumprod cumsum div dot
    index_add mean mm mul mv nansum pow prod reciprocal rsqrt rsub square sub sum trace""".split()
)
_GROWING = _ARITHMETIC | frozenset("cosh exp exp2 expm1 linalg_vector_norm norm sinh".split())
_DIVIDING = frozenset("addcdiv div pow reciprocal rsqrt".split())


def overflow(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
) -> str:
    """The operation of plain arithmetic whose result is beyond the dtype, first in a backward.

    Only in torch's own formulas for its functions, which nobody who calls them chose; `on_the_way`
    looks at a Function's own backward as well. "" where nothing is, where the forward has no finite
    result itself, or where something else made the first number that is not finite: a division by
    zero, an exponential. Arguments as of `reverse`, for one point.
    """
    mode = _Watch(_counts_in_backward)

    def call(given: Mapping[str, Tensor]) -> Tensor:
        mode.watching = False
        result = implementation.call(given)
        mode.watching = bool(result.detach().isfinite().all())
        return result

    return _first(mode, replace(implementation, call=call), values, wrt, cotangents, dtype)


def on_the_way(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
) -> str:
    """The operation whose result is beyond the dtype, first in a forward or backward, anybody's.

    "" where nothing is, and where the code itself has a number beyond the range: that one meets
    none which is small enough. Arguments as of `reverse`, for one point.
    """
    mode = _Watch(_counts_anywhere)

    def call(given: Mapping[str, Tensor]) -> Tensor:
        mode.watching = True
        return implementation.call(given)

    return _first(mode, replace(implementation, call=call), values, wrt, cotangents, dtype)


def _first(mode: _Watch, implementation: Implementation, *request: Any) -> str:
    with mode:
        reverse(implementation, *request)
    return mode.first if mode.overflows else ""


def _counts_in_backward(name: str, result: Sequence[Tensor], given: Sequence[object]) -> bool:
    return name in _ARITHMETIC and not _in_own_backward()


def _counts_anywhere(name: str, result: Sequence[Tensor], given: Sequence[object]) -> bool:
    largest = max((torch.finfo(part.dtype).max for part in result if _inexact(part)), default=0.0)
    return name in _GROWING and not any(_size_of(item) > largest for item in given)


def _size_of(item: object) -> float:
    """The size of a number of the code, which torch may have wrapped; 0 for a tensor."""
    if isinstance(item, Tensor):
        return abs(item.item()) if item.dim() == 0 and item.dtype is torch.float64 else 0.0
    return abs(item) if isinstance(item, (int, float, complex)) else 0.0


def _inexact(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


@final
class _Watch(EagerMode):
    """Notes the first operation that makes what is not finite out of what is."""

    def __init__(self, counts: Callable[[str, Sequence[Tensor], Sequence[object]], bool]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts = counts  # whether it matters that an operation's result is too large
        self.watching = False
        self.first = ""
        self.overflows = False  # what the first one gives is too large, and nothing else

    def carry_out(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The operation as it is."""
        seen = tensors(args, kwargs)
        if not (self._looks and all(map(_has_numbers, seen))):
            return func(*args, **kwargs)
        given = [tensor.clone() for tensor in seen]
        result = func(*args, **kwargs)
        made = [tensor for tensor in tensors(result) if _has_numbers(tensor)]
        if all(map(_finite, given)) and not all(map(_finite, made)):
            self.first = base_name(func)
            self.overflows = self.counts(self.first, made, args) and not any(
                part.isnan().any() or _has_pole(self.first, part, given) for part in made
            )
        return result

    @property
    def _looks(self) -> bool:
        return self.watching and not self.first


def _in_own_backward() -> bool:
    """Whether what runs is the backward of a Function written in Python."""
    return isinstance(torch._C._current_autograd_node(), BackwardCFunction)


def _has_numbers(tensor: Tensor) -> bool:
    """Forward mode looks at shapes in tensors without memory, and has zeros that have none."""
    return not (tensor.is_meta or tensor._is_zerotensor())


def _finite(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().all())


def _has_pole(name: str, result: Tensor, given: Sequence[Tensor]) -> bool:
    """Whether an infinity comes of a 0 that is divided by."""
    if name not in _DIVIDING:
        return False
    infinite = result.detach().isinf().double().cpu().numpy()[..., None] > 0
    return bool((infinite & ~nowhere_zero(given)).any())
