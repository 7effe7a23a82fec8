"""Rounding errors that look random and are functions of the numbers that are rounded.

The same operation on the same numbers is wrong by the same amount, as a real one is: a mask such
as x.exp() == x.exp().max() keeps meaning what it did, and what a backward computes again is what
the forward had. Small arrays are NumPy's here: it takes a fifth of the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gradcheck_sym.autograd.kernels import base_name

# A library's elementary functions are off by up to 4 units in the last place, 8 roundoffs; a 16-bit
# kernel computes in float32 and rounds once, which is half a unit: twice that, to move at all.
_ROUNDOFFS, _ROUNDOFFS_HALF = 8.0, 2.0

# The multipliers of splitmix64 (Steele, Lea and Flood 2014), as signed numbers.
_ODD = np.array([-7046029254386353131, -4658895280553007687, -7723592293110705685])
_SHIFTS = np.array([30, 27, 31])

_SUMS_OF_PRODUCTS = frozenset(("bmm", "dot", "mm", "mv"))

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def rounds(tensor: Tensor) -> bool:
    """Whether there is anything to round in a tensor: dense floating or complex numbers."""
    inexact = tensor.is_floating_point() or tensor.is_complex()
    return inexact and tensor.layout is torch.strided


def moved(
    tensor: Tensor,
    salt: int,
    key: Integers | None,
    size: Tensor | None = None,
    lost: Mask | None = None,
) -> Tensor:
    """A tensor whose numbers are moved by a few roundoffs of their size, or of the size given.

    The errors are functions of the numbers, the salt and the key (as of `key_of`); without a key,
    of their place. Below the normal range roundoffs are as large as at its end; zero has none,
    except where it is what is `lost` of a smaller number: then it may have been any below the
    normal range, of its sign, since there are kernels that do without the rest (torch's sigmoid
    in float32 is 0 at -89). Kernels of 16 bits have room to spare.
    """
    form = torch.finfo(tensor.dtype)
    wide = _wide(tensor)
    if key is None:
        key = np.arange(tensor.numel()).reshape(*tensor.shape, 1)
    mixed = wide.view(np.int64) + key * _ODD[0] + np.arange(wide.shape[-1])
    given = (tensor if size is None else size).detach().abs().double().cpu().numpy()[..., None]
    roundoff = (_ROUNDOFFS_HALF if form.bits <= 16 else _ROUNDOFFS) * form.eps / 2
    noise = _noise(mixed, salt)
    with np.errstate(all="ignore"):  # whatever the code under test has set
        result = wide + noise * roundoff * np.maximum(given, form.smallest_normal) * (given != 0)
        result = np.where(np.isfinite(wide), result, wide)
        if lost is not None:
            share = roundoff if form.bits <= 16 else 1.0
            least = np.copysign(noise * share * form.smallest_normal, wide)
            result = np.where((wide == 0) & lost, least, result)
    whole = result.view(np.complex128) if tensor.is_complex() else result
    return torch.empty_like(tensor).copy_(torch.from_numpy(whole[..., 0]))


def literal(number: float, unit: float, salt: int) -> float:
    """A number of the code off by up to a unit, relatively, if it has digits beyond single ones.

    It is off alike wherever it occurs; whole numbers, halves and the like are what they are.
    """
    single = np.float64(np.float32(number))
    if single == number or not np.isfinite(single):
        return number
    noise = _noise(np.array([number]).view(np.int64), salt)
    return float(number * (1 + noise[0] * unit))


def nowhere_zero(operands: Iterable[Tensor]) -> Mask:
    """Where every operand of a result is finite and not 0; broadcast, with a last axis of one."""
    everywhere = np.ones(1, dtype=np.bool_)
    for operand in operands:
        numbers = _wide(operand)
        fine = (numbers != 0).any(-1) & np.isfinite(numbers).all(-1)
        everywhere = everywhere & fine[..., None]
    return everywhere


def terms_lost(function: Any, arguments: Sequence[Any]) -> Mask | None:
    """Where a sum of products is of terms that are not 0, however small.

    In the shape of the result, with a last axis of one; None for other operations.
    """
    if base_name(function) not in _SUMS_OF_PRODUCTS:
        return None
    operands = [item for item in arguments if isinstance(item, Tensor)]
    terms = function(*((item.detach() != 0).double() for item in operands))
    return np.asarray(_wide(terms) != 0)


def key_of(given: Iterable[Tensor]) -> Integers:
    """One integer for each element of a result, made of the elements that it is computed from.

    Their shape is that of the result, broadcast, with a last axis of one.
    """
    total = np.zeros(1, dtype=np.int64)  # numbers alone would warn where they overflow
    for place, tensor in enumerate(given):
        bits = _bits(tensor)
        total = total + (bits * _ODD[: bits.shape[-1]]).sum(-1, keepdims=True) * _ODD[place % 3]
    return total


def _wide(tensor: Tensor) -> Floats:
    """The numbers in float64, with a last axis: of one, or of the two parts of a complex number."""
    plain = tensor.detach().resolve_conj().resolve_neg()
    form = torch.complex128 if plain.is_complex() else torch.float64
    wide = plain.to("cpu", form, copy=True).numpy()
    return np.ascontiguousarray(wide[..., None]).view(np.float64)


def _bits(tensor: Tensor) -> Integers:
    """An integer for each number, with the same last axis."""
    if not rounds(tensor):
        return np.asarray(tensor.to("cpu", copy=True).numpy()[..., None], dtype=np.int64)
    return _wide(tensor).view(np.int64)


def _noise(mixed: Integers, salt: int) -> Floats:
    """Numbers in [-1, 1) that look random, as a function of what goes in."""
    mixed = mixed ^ np.int64(salt * 0x3C6EF35F)
    for shift, odd in zip(_SHIFTS, _ODD, strict=True):
        mixed = (mixed ^ (mixed >> shift)) * odd
    return np.asarray((mixed >> np.int64(11)) * 2.0**-52)
