"""One perturbed run: a mode under which every operation that rounds, rounds otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, final
from zlib import crc32

import torch
from torch import Tensor

from gradcheck_sym.autograd.dispatch import EagerMode
from gradcheck_sym.autograd.exact import has_plain_error, without_error
from gradcheck_sym.autograd.implementation import RAISED
from gradcheck_sym.autograd.kernels import (
    Kind,
    axes_together,
    coarseness,
    divides_by_a_matrix,
    factor_by_factor,
    kind_of,
    may_underflow,
    tensors,
    written,
    written_out,
)
from gradcheck_sym.autograd.noise import (
    Integers,
    Mask,
    key_of,
    literal,
    moved,
    nowhere_zero,
    rounds,
    terms_lost,
)

_DIGITLESS = 0.5  # of a solution: a change that leaves none of its binary digits


@final
class Perturbed(EagerMode):
    """Moves what rounds, forward and backward; without a seed it only watches.

    lenient: a kernel of torch that has fewer digits than its dtype is moved by what it lacks, for
    that is not the doing of who calls it. Where that kernel itself is under test, it is.
    """

    def __init__(self, seed: int | None, *, lenient: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._lenient = lenient
        self.outcomes: list[bytes] = []  # of comparisons, in order
        self.narrowest: torch.dtype | None = None  # in which anything was moved
        self.cast: torch.dtype | None = None  # the narrowest to which wider numbers were cast
        self._seed = seed
        self._begun = False
        self._inside = False  # a fused operation that is written out
        self._constants: dict[int, Tensor] = {}  # by storage; kept, or its address is used again

    def carry_out(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The operation; where it rounds, with other errors."""
        given = tensors(args, kwargs)
        if not self._begun or any(tensor.is_meta for tensor in given):
            return func(*args, **kwargs)  # forward mode looks at shapes, where there are no numbers
        kind = kind_of(func, args)
        if kind is Kind.FACTORY or all(map(self._is_constant, given)):
            result = func(*args, **kwargs)
            self._constants |= {_storage(tensor): tensor for tensor in tensors(result)}
            return result
        result = self._computed(func, kind, args, kwargs)
        for tensor in written(func, args, kwargs):  # a buffer that is filled is no constant
            self._constants.pop(_storage(tensor), None)
        if not self._inside:
            self.outcomes += [_bytes(t) for t in tensors(result) if t.dtype is torch.bool]
        return result

    def begin(self, inputs: Iterable[Tensor]) -> None:
        """From now on what is made of literals is constant; not the inputs, and what was before."""
        self._begun = True
        for tensor in inputs:
            self._constants.pop(_storage(tensor), None)

    def _is_constant(self, tensor: Tensor) -> bool:
        return _storage(tensor) in self._constants

    def _computed(self, func: Any, kind: Kind, args: Any, kwargs: Any) -> Any:
        if kind is Kind.EXACT:
            return func(*args, **kwargs)
        if kind is Kind.STABLE and not kwargs and (parts := factor_by_factor(func, args)):
            return self._through(parts, func, args, kwargs)
        if kind is Kind.STABLE and (parts := written_out(func)) is not None:
            return self._through(parts, func, args, kwargs)
        if self._seed is None:
            return func(*args, **kwargs)
        literals = self._literals(args) if kind is Kind.ELEMENTARY else args
        result = self._rounded(func, kind, literals, kwargs)
        if literals is not args or not has_plain_error(func):
            return result
        plain = func(*args, **kwargs)
        exact = without_error(func, args, kwargs, plain)
        if exact is None:
            return result
        return torch.where(torch.tensor(exact, device=plain.device), plain, result)

    def _literals(self, args: Any) -> Any:
        """The arguments, with literals that are no short fractions rounded otherwise, if any are.

        x - 1/3 may be 0 where x is beyond a third, though the subtraction is exact.
        """
        operands = tensors(args)
        if not operands or not operands[0].is_floating_point():
            return args
        unit, salt = _roundoff(operands[0].dtype), crc32(f"{self._seed}".encode())
        other = tuple(literal(a, unit, salt) if isinstance(a, float) else a for a in args)
        return other if any(a is not b for a, b in zip(args, other, strict=True)) else args

    def _rounded(self, func: Any, kind: Kind, args: Any, kwargs: Any) -> Any:
        salt = crc32(f"{self._seed} {func}".encode())
        if kind is Kind.CAST:
            source = tensors(args)[-1]  # of a copy into another, the second
            key = key_of([source])
            return _changed(func, args, kwargs, lambda out: self._cast(out, source, salt, key))
        if kind is Kind.ELEMENTARY:
            key = key_of(tensors(args))
            lost = nowhere_zero(tensors(args)) if may_underflow(func, args) else None
            return _changed(
                func,
                args,
                kwargs,
                lambda out: self._moved(out, salt, key, self._size(func, args, out), lost),
            )
        given = self._given(func, kind, args, salt, kwargs)
        gone = terms_lost(func, args)
        result = _changed(
            func,
            given,
            kwargs,
            lambda out: self._moved(out, salt, None, self._size(func, args, out), gone),
        )
        if divides_by_a_matrix(func) and not written(func, args, kwargs):
            return _without_noise(func, args, kwargs, result)
        return result

    def _through(self, parts: Callable[..., Any], func: Any, args: Any, kwargs: Any) -> Any:
        """A fused operation by the simpler ones that it consists of, if that can be done."""
        outer, self._inside = self._inside, True
        try:
            with self:
                result = parts(*args, **kwargs)
        except RAISED:
            result = NotImplemented
        finally:
            self._inside = outer
        return func(*args, **kwargs) if result is NotImplemented else result

    def _given(self, func: Any, kind: Kind, args: Any, salt: int, kwargs: Any) -> Any:
        """The arguments moved as far as a stable algorithm may be wrong about them."""
        untouched = {id(tensor) for tensor in written(func, args, kwargs)}

        def change(tensor: Tensor) -> Tensor:
            if id(tensor) in untouched:
                return tensor
            size = None
            if kind is Kind.NORMWISE and tensor.numel() and rounds(tensor):
                axes = axes_together(func, args, tensor.dim())
                size = tensor.abs().amax(axes, keepdim=True)
            return self._moved(tensor, ~salt, None, size)

        return _replaced(change, args)

    def _cast(self, out: Tensor, source: Tensor, salt: int, key: Integers) -> Tensor:
        """Moved where the numbers did not fit the dtype; what became 0 was a smaller number."""
        if out.dtype.is_complex or source.dtype.is_complex or out.is_meta:
            return out
        floating = source.is_floating_point() and out.is_floating_point()
        if floating and _narrows(out.dtype, source.dtype):
            self.cast = _narrower(out.dtype, self.cast)
        fits = out.double() == source.double()
        if fits.all():
            return out
        lost = nowhere_zero([source])
        return torch.where(fits, out, self._moved(out, salt, key, lost=lost))

    def _size(self, func: Any, args: Any, out: Tensor) -> Tensor | None:
        """The size by which a result is moved; None for its own, which suits nearly all kernels."""
        coarse = coarseness(func, args, out.dtype) if self._lenient else None
        if coarse is None:
            return None
        relative, absolute = coarse
        return (out.detach().abs().double() * relative + absolute) / _roundoff(out.dtype)

    def _moved(
        self,
        out: Tensor,
        salt: int,
        key: Integers | None,
        size: Tensor | None = None,
        lost: Mask | None = None,
    ) -> Tensor:
        if not rounds(out):
            return out
        self.narrowest = _narrower(out.dtype, self.narrowest)
        return moved(out, salt, key, size, lost)


def _replaced(change: Callable[[Tensor], Tensor], given: Any) -> Any:
    """Arguments or results with every tensor changed."""
    if isinstance(given, Tensor):
        return change(given)
    if isinstance(given, (tuple, list)):
        return type(given)([_replaced(change, item) for item in given])
    return given


def _changed(func: Any, args: Any, kwargs: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The operation's result, changed; what it wrote to is changed in place."""
    result = func(*args, **kwargs)
    places = written(func, args, kwargs)
    for place in places:
        if rounds(place):
            place.copy_(change(place))
    return result if places else _replaced(change, result)


def _without_noise(func: Any, args: Any, kwargs: Any, result: Any) -> Any:
    """Solutions, NaN where a few roundoffs in the matrix make another of them altogether.

    The matrix is singular then as far as the dtype tells. What is divided by rounding errors is of
    any size: the largest in a few runs bounds no others.
    """
    plain = func(*args, **kwargs)
    several = isinstance(result, (tuple, list))
    solution, before = (result[0], plain[0]) if several else (result, plain)
    axes = axes_together(func, args, solution.dim())
    if not (solution.numel() and rounds(solution) and axes):
        return result
    change, size = ((solution - before).abs(), before.abs())
    lost = change.amax(axes, keepdim=True) > _DIGITLESS * size.amax(axes, keepdim=True)
    solution = torch.where(lost, math.nan, solution)
    return type(result)([solution, *result[1:]]) if several else solution


def _narrows(dtype: torch.dtype, other: torch.dtype) -> bool:
    """Whether one dtype has fewer digits than another."""
    return _roundoff(dtype) > _roundoff(other)


def _narrower(dtype: torch.dtype, known: torch.dtype | None) -> torch.dtype:
    """The one of fewer digits; the known one where they have as many."""
    return dtype if known is None or _narrows(dtype, known) else known


def _roundoff(dtype: torch.dtype) -> float:
    return torch.finfo(dtype).eps


def _storage(tensor: Tensor) -> int:
    """What tells memory from other memory; sparse tensors have none in common."""
    while torch._C._functorch.is_functorch_wrapped_tensor(tensor):  # as vmap hands to a function
        tensor = torch._C._functorch.get_unwrapped(tensor)
    if tensor.layout is not torch.strided:
        return id(tensor)
    address: int = tensor.untyped_storage()._cdata
    return address


def _bytes(outcome: Tensor) -> bytes:
    return bytes(outcome.flatten().tolist())
