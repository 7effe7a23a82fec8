"""Reverse mode with inputs and grad_outputs that lie in memory as they do in practice.

A consumer of a result decides how its grad_output lies: sum() feeds one number with strides of 0,
cat() a slice of wider rows, t() a transposed tensor. What is lent here lies likewise, inside
memory that is poisoned: NaN and an odd number by turns, so that a read out of bounds shows in the
numbers, and a write, even one that only adds to what was there, in the poison.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from math import prod
from operator import mul
from typing import final

import numpy as np
import torch
from torch import Tensor

from gradcheck_sym.autograd.implementation import Implementation, conjugating
from gradcheck_sym.autograd.ledger import (
    Array,
    Claims,
    Job,
    Surroundings,
    changed,
    job_of,
)
from gradcheck_sym.autograd.reverse import each
from gradcheck_sym.autograd.state import undisturbed
from gradcheck_sym.spec.checks import GRAD_OUTPUT

Shape = tuple[int, ...]

OUTER = f"{GRAD_OUTPUT} of the backward"  # what a gradient is fed that has a GRAD_OUTPUT itself
_POISON = 173.0  # exact in every dtype; half of the poison, the other half is NaN
_MARGIN = 6  # elements of poison before the first and after the last: whole pairs, odd vectors


@final
@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the elements of a tensor lie in a buffer, counted in elements."""

    strides: tuple[int, ...]
    offset: int = 0
    room: int = 0  # what is left behind the last element


@final
@dataclass(frozen=True, slots=True)
class Layout:
    """How a tensor lies in memory."""

    name: str  # as a report names it
    admits: Callable[[Shape], bool]  # whether a tensor of that shape can lie so, unlike others
    geometry: Callable[[Shape], Geometry]
    expands: Callable[[int], tuple[int, ...]] = lambda dims: ()  # axes that hold equal elements
    is_view: bool = False  # an input is no leaf then, but a view of one
    is_negated: bool = False  # memory holds the negatives, and the tensor has torch's negative bit
    is_window: bool = False  # rows overlap, each one element further
    is_conjugated: bool = False  # of complex tensors: they are lazily conjugated ones

    @property
    def is_shared(self) -> bool:
        """Whether elements lie in one place, and so are equal."""
        return self.is_window or bool(self.expands(1))

    def __str__(self) -> str:
        return self.name


def fitting(
    shape: Shape, array: Array | None = None, *, is_paired: bool = False
) -> tuple[Layout, ...]:
    """The layouts, besides an ordinary one, that an array of this shape can have.

    Those that share memory need equal elements: `array`, (lanes, *shape), tells where some are.
    is_paired: the last axis holds the parts of complex numbers.
    """
    bits = CONJUGATED if is_paired else NEGATED
    plain = tuple(layout for layout in (*LAYOUTS, bits) if layout.admits(shape))
    if array is None:
        return plain
    wide = widening(shape, is_paired=is_paired)
    return plain + tuple(layout for layout in wide if _is_constant(array, layout))


def widening(shape: Shape, *, is_paired: bool = False) -> tuple[Layout, ...]:
    """The layouts that an array of this shape has once elements are made equal."""
    alone = tuple(map(expanded, range(len(shape)))) if len(shape) > 1 else ()
    all_of_them = (EXPANDED, *alone) if is_paired else (EXPANDED, *alone, WINDOWS)
    return tuple(layout for layout in all_of_them if layout.admits(shape))


def constant(array: Array, layout: Layout) -> Array:
    """A batch, (lanes, *shape), whose elements are equal where a layout has them in one place."""
    if layout.is_window:
        *_, rows, columns = array.shape
        taken = np.concatenate([array[..., 0, :], array[..., 1:, -1]], axis=-1)
        return taken[..., np.add.outer(np.arange(rows), np.arange(columns))]
    first = array
    for axis in layout.expands(array.ndim - 1):
        first = first.take([0], axis + 1)
    return np.broadcast_to(first, array.shape)


def fed_name(inputs: Collection[str]) -> str:
    """What the layout of what is fed goes by: GRAD_OUTPUT, or OUTER where that is an input."""
    return OUTER if GRAD_OUTPUT in inputs else GRAD_OUTPUT


def reverse_in(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
    layout_of: Mapping[str, Layout],
) -> Claims:
    """What `reverse` claims one lane at a time, with tensors in given layouts.

    layout_of: by input, and by `fed_name` for what is fed; those left out lie as ever. Writes to
    the memory around are problems. Raises ValueError where a name or a layout does not fit.
    """
    with undisturbed():
        lazy = frozenset(name for name, layout in layout_of.items() if layout.is_conjugated)
        made = conjugating(implementation, lazy) if lazy else implementation
        job = job_of(made, values, wrt, cotangents, dtype)
        return each(_laid_out(job, layout_of, implementation.complex))


def _laid_out(job: Job, layout_of: Mapping[str, Layout], complexes: Collection[str]) -> Job:
    """The job with its tensors in other places; of complex ones the parts stay side by side."""
    inputs, fed = dict(job.inputs), job.cotangents
    around = {}
    for name, layout in layout_of.items():
        is_fed = name == fed_name(inputs)
        batch = fed if is_fed else inputs.get(name)
        if batch is None:
            raise ValueError(f"layout_of: there is no {name}")
        lie = _geometry(layout, tuple(batch.shape[1:]), name in complexes and not is_fed)
        try:
            placed, rest = _placed(batch, lie, layout.is_negated)
        except ValueError:
            raise ValueError(f"layout_of: {name} is not constant along what is {layout}") from None
        around["the cotangent" if is_fed else f"the input {name}"] = rest
        if is_fed:
            fed = placed
        else:
            inputs[name] = placed
    views = frozenset(k for k, v in layout_of.items() if v.is_view and k in inputs)
    return replace(job, inputs=inputs, cotangents=fed, views=views, around=around)


def _geometry(layout: Layout, shape: Shape, is_paired: bool) -> Geometry:
    if not is_paired:
        return layout.geometry(shape)
    lie = layout.geometry(shape[:-1])
    strides = (*(2 * stride for stride in lie.strides), 1)
    return Geometry(strides, 2 * lie.offset, 2 * lie.room)


def _placed(batch: Tensor, lie: Geometry, is_negated: bool) -> tuple[Tensor, Surroundings]:
    """A batch whose lanes lie so, each in a poisoned buffer of its own, and what is around them.

    Raises ValueError where elements differ that would lie in one place.
    """
    lanes, shape = len(batch), tuple(batch.shape[1:])
    last = sum((size - 1) * stride for size, stride in zip(shape, lie.strides, strict=True))
    length = lie.offset + (last + 1 if prod(shape) else 0) + lie.room
    length += length % 2  # a pair of numbers, as one complex number, begins at an even place
    buffers = _poisoned(lanes, length, batch.dtype)
    placed = buffers.as_strided(batch.shape, (length, *lie.strides), lie.offset)
    held = (-batch if is_negated else batch).unsqueeze(-1).flatten(1)
    buffers[:, _taken(length, shape, lie)] = held
    placed = torch._neg_view(placed) if is_negated else placed
    if changed(batch, placed):
        raise ValueError
    return placed, Surroundings(buffers, _outside(length, shape, lie))


def _poisoned(lanes: int, length: int, dtype: torch.dtype) -> Tensor:
    buffers = torch.full((lanes, length), _POISON, dtype=torch.float64)
    if dtype.is_floating_point or dtype.is_complex:
        buffers[:, torch.arange(length) // 2 % 2 == 0] = torch.nan
    return buffers.to(dtype)


def _outside(length: int, shape: Shape, lie: Geometry) -> Tensor:
    free = torch.ones(length, dtype=torch.bool)
    free[_taken(length, shape, lie)] = False
    return free.nonzero().flatten()


def _taken(length: int, shape: Shape, lie: Geometry) -> Tensor:
    """The place of each element in a buffer, in order."""
    return torch.arange(length).as_strided(shape, lie.strides, lie.offset).flatten()


def _is_constant(array: Array, layout: Layout) -> bool:
    """Whether the elements are equal that a layout has in one place, to the bit."""
    same = np.ascontiguousarray(constant(array, layout))
    return same.tobytes() == np.ascontiguousarray(array).tobytes()


# --- the layouts --------------------------------------------------------------------------


def _rows(shape: Shape, step: int = 1) -> tuple[int, ...]:
    """The strides of an ordinary tensor of this shape, whose elements lie `step` apart."""
    sizes = [max(size, 1) for size in shape[:0:-1]]
    return tuple(accumulate(sizes, mul, initial=step))[::-1] if shape else ()


def _columns(shape: Shape) -> tuple[int, ...]:
    return _rows(shape[::-1])[::-1]


def _channels_last(shape: Shape) -> tuple[int, ...]:
    """The strides of a tensor whose axis 1 comes last in memory."""
    strides = _rows((shape[0], *shape[2:], shape[1]))
    return (strides[0], strides[-1], *strides[1:-1])


def _sliced(shape: Shape) -> tuple[int, ...]:
    """The strides of rows that are parts of wider rows."""
    return _rows((*shape[:-1], shape[-1] + _MARGIN))


def _odd(shape: Shape) -> tuple[int, ...]:
    """Ordinary strides, but of no sense where they are never used: torch allows any there."""
    pairs = zip(shape, _rows(shape), strict=True)
    return tuple(7 + stride if size == 1 else stride for size, stride in pairs)


def _without(shape: Shape, axes: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a tensor expanded along some axes."""
    thin = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(0 if axis in axes else stride for axis, stride in enumerate(_rows(thin)))


def _sliding(shape: Shape) -> tuple[int, ...]:
    """The strides of windows that slide along rows, as unfold gives them."""
    return (*_rows((*shape[:-2], shape[-2] + shape[-1] - 1)), 1)


def _wide(shape: Shape) -> int:
    """How many axes have more than one element; 0 for an array without elements."""
    return sum(size > 1 for size in shape) if prod(shape) else 0


def _inside(strides: Callable[[Shape], tuple[int, ...]]) -> Callable[[Shape], Geometry]:
    """Inside a larger buffer, with room before and behind."""
    return lambda shape: Geometry(strides(shape), _MARGIN, _MARGIN)


@cache
def expanded(axis: int) -> Layout:
    """One slice expanded along an axis: equal elements, and a stride of 0."""
    return Layout(
        f"expanded along axis {axis}",
        lambda shape: axis < len(shape) and shape[axis] > 1 and prod(shape) > 0,
        # behind it as much as an ordinary tensor would have, which some code reads as if it were
        lambda shape: Geometry(_without(shape, (axis,)), room=prod(shape)),
        lambda dims: (axis,),
    )


CONTIGUOUS = Layout("contiguous", lambda shape: True, lambda shape: Geometry(_rows(shape)))
OFFSET = Layout("offset", lambda shape: True, _inside(_rows))
UNEVEN = Layout(
    "behind an odd number of others",  # as cat() feeds it; complex numbers cannot begin there
    lambda shape: prod(shape) > 0,
    lambda shape: Geometry(_rows(shape), _MARGIN + 1, _MARGIN),
)
TRANSPOSED = Layout(
    "transposed", lambda shape: _wide(shape) > 1, lambda shape: Geometry(_columns(shape))
)
STRIDED = Layout("strided", lambda shape: _wide(shape) > 0, _inside(lambda s: _rows(s, step=2)))
THIRDS = Layout("every third", lambda shape: _wide(shape) > 0, _inside(lambda s: _rows(s, step=3)))
SLICED = Layout(
    "a slice of wider rows",
    lambda shape: prod(shape) > 0 and prod(shape[:-1]) > 1,
    _inside(_sliced),
)
CHANNELS_LAST = Layout(
    "channels last",
    lambda shape: len(shape) > 2 and _wide(shape[1:2]) > 0 and _wide(shape[2:]) > 0,
    lambda shape: Geometry(_channels_last(shape)),
)
ODD = Layout(
    "odd strides of axes of size 1",
    lambda shape: prod(shape) > 0 and 1 in shape,
    _inside(_odd),
)
VIEW = Layout("a view of a leaf", lambda shape: True, _inside(_rows), is_view=True)
EXPANDED = Layout(
    "expanded",
    lambda shape: len(shape) > 0 and prod(shape) > 0,
    lambda shape: Geometry((0,) * len(shape), room=prod(shape)),
    lambda dims: tuple(range(dims)),
)
WINDOWS = Layout(
    "overlapping windows",
    lambda shape: len(shape) > 1 and min(shape[-2:]) > 1 and prod(shape) > 0,
    # behind it as much as an ordinary tensor would have, which some code reads as if it were
    lambda shape: Geometry(_sliding(shape), room=prod(shape)),
    is_window=True,
)
NEGATED = Layout(
    "a view with the negative bit", lambda shape: prod(shape) > 0, _inside(_rows), is_negated=True
)
CONJUGATED = Layout(
    "a view with the conjugate bit",
    lambda shape: prod(shape) > 0,
    lambda shape: Geometry(_rows(shape)),
    is_conjugated=True,
)

LAYOUTS = (TRANSPOSED, STRIDED, THIRDS, OFFSET, SLICED, CHANNELS_LAST, ODD, VIEW)
