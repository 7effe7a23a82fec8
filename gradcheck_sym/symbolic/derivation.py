"""A spec at one concrete shape: derived, compiled, ready to be evaluated at points."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import accumulate, chain
from typing import final

import numpy as np
import numpy.typing as npt
from flint import arb, ctx

from gradcheck_sym.spec.dtypes import Format
from gradcheck_sym.spec.records import Expression, Spec
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.symbolic.balls import Ball, Enclosure, Kernel
from gradcheck_sym.symbolic.branches import other_branches
from gradcheck_sym.symbolic.careful import Careful, Loss, Settled
from gradcheck_sym.symbolic.carriers import Carrier, carrier_for
from gradcheck_sym.symbolic.complements import with_all_digits
from gradcheck_sym.symbolic.complexes import is_complex, packed, unpacked
from gradcheck_sym.symbolic.differentiate import vjp
from gradcheck_sym.symbolic.interpret import decisions, exact
from gradcheck_sym.symbolic.lower import Array, LowerError, input_array, lower, lower_condition
from gradcheck_sym.symbolic.program import (
    Builder,
    Program,
    Scalar,
    depending,
    finish,
    flat_names,
    labels,
)
from gradcheck_sym.symbolic.rounded import rounded
from gradcheck_sym.symbolic.sensitivities import (
    Groups,
    apart,
    least_sensitivities,
    sensitivities,
    swings,
)
from gradcheck_sym.symbolic.taylor import met, recomputed
from gradcheck_sym.symbolic.vectors import FEWEST, Vectors

Floats = npt.NDArray[np.float64]

_WITNESSES = 8  # points of a batch that are looked at both ways: libraries are not proven
_DECIDING_PRECISION = 256  # bits; points whose branches need more are not settled anyway
COTANGENT = " cotangent"  # begins with a blank, so that no input can be called so


@final
@dataclass(frozen=True, slots=True)
class Leaving:
    """What leaves a dtype's range at a point where all is evaluated as it is written."""

    what: str  # "arithmetic", a function, UNDERFLOW, CANCELLATION; "" where nothing does
    by_tiny: bool = False  # only because of inputs that nobody has in mind


@final
@dataclass(frozen=True)
class Derivation:
    """Value and gradient of sum(cotangent*expr) at one assignment of the dims."""

    shapes: Mapping[str, tuple[int, ...]]  # of every input, in order
    out_shape: tuple[int, ...]  # of a complex value with a last axis [re, im]
    wrt: tuple[str, ...]  # the inputs with a gradient, in order
    forward: Program  # outputs: the elements of the value
    joint: Program  # outputs: the value, then the gradient with respect to each of wrt
    complex_value: bool = False
    # outputs that are one thing besides: all of a gradient, where that is what is derived
    joined: tuple[slice, ...] = ()
    scales: tuple[str, ...] = ()  # inputs that only multiply slopes: tangents, what is fed
    fixed: frozenset[str] = frozenset()  # inputs that nobody differentiates by

    @cached_property
    def kernel(self) -> Kernel:
        """The joint program compiled for balls."""
        return Kernel(self.joint)

    @cached_property
    def value_kernel(self) -> Kernel:
        """The value alone compiled for balls."""
        return Kernel(self.forward)

    @cached_property
    def _sharp(self) -> Program:
        """The joint program in operations that keep their digits, for carriers with few more."""
        return with_all_digits(self.joint)

    @cached_property
    def vectors(self) -> Vectors:
        """The joint program for whole batches."""
        return Vectors(self._sharp, self._still_in(self._sharp))

    @cached_property
    def _written(self) -> Vectors:
        """The same as it is written."""
        return Vectors(self.joint)

    @property
    def _careful(self) -> Careful:
        return Careful(self.joint, self.values, self.still)

    @cached_property
    def _exact(self) -> frozenset[int]:
        """The inputs of the sharp program that are not rounded."""
        return labels(self._sharp, self._still_in(self._sharp))

    @cached_property
    def still(self) -> frozenset[int]:
        """The instructions of the joint program that no input with a gradient moves."""
        return self._still_in(self.joint)

    def _still_in(self, program: Program) -> frozenset[int]:
        fixed = {each for name in self.fixed for each in self.flat_names(name)}
        inputs = (index for index, step in enumerate(program.code) if step.op == "input")
        moving = {index for index in inputs if program.code[index].data not in fixed}
        moved = depending(program, moving, conditions=True)
        return frozenset(range(len(program.code))) - moved

    def enclose(self, rows: Floats, precision: int) -> Enclosure:
        """Value and gradient at each point, with what one rounding of every input moves them by.

        NaN where it takes a closer look.

        Args:
            rows: (points, inputs) of the joint program, exact.
            precision: bits of the dtype under test.
        """
        carrier = carrier_for(precision)
        if carrier is None or len(rows) < FEWEST:
            return self.kernel.enclose(rows, precision)
        found = self.vectors.enclose(rows, precision, carrier)
        left = np.asarray(np.isnan(found.middle).any(axis=1))
        left[:: max(1, len(rows) // _WITNESSES)] = True
        sure = self.kernel.enclose(rows[left], precision)
        if _contradict(sure, Enclosure(*(part[left] for part in found))):
            return self.kernel.enclose(rows, precision)  # the C library is not what it should be
        for part, own in zip(found, sure, strict=True):
            part[left] = own
        return found

    @property
    def values(self) -> int:
        """How many elements the value has."""
        return math.prod(self.out_shape)

    @property
    def ones(self) -> Floats:
        """The cotangent of 1 for every element of the value; of a complex one it is 1+0i."""
        fed = np.ones(self.out_shape)
        if self.complex_value:
            fed[..., 1] = 0
        return fed

    @property
    def together(self) -> Sequence[slice]:
        """The outputs that are one thing: a complex element of the value, an input's gradient."""
        pairs = range(0, self.values, 2) if self.complex_value else ()
        return [*(slice(k, k + 2) for k in pairs), *self.columns().values(), *self.joined]

    def columns(self) -> Mapping[str, slice]:
        """Where each input's gradient stands among the joint program's outputs."""
        sizes = [math.prod(self.shapes[name]) for name in self.wrt]
        ends = list(accumulate(sizes, initial=self.values))
        return {name: slice(ends[k], ends[k + 1]) for k, name in enumerate(self.wrt)}

    def flat_names(self, name: str) -> tuple[str, ...]:
        """The flat names of an input's elements, in order."""
        return tuple(flat_names(name, self.shapes[name]))

    def pack(self, values: Mapping[str, Floats], cotangents: Floats) -> Floats:
        """The joint program's inputs: one row a point, from arrays (points, *shape).

        Each input's numbers lie side by side in memory: programs take them one after the other.
        """
        lanes = len(cotangents)
        sizes = [math.prod(shape) for shape in self.shapes.values()]
        pairs = zip(self.shapes, sizes, strict=True)
        parts = [values[name].reshape(lanes, size) for name, size in pairs]
        parts.append(cotangents.reshape(lanes, self.values))
        found = np.empty((lanes, sum(part.shape[1] for part in parts)), order="F")
        return np.concatenate(parts, axis=1, out=found)

    def unpack(self, rows: Floats) -> dict[str, Floats]:
        """The inputs' arrays, (points, *shape), of such rows; what is fed is left out."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes.values()])
        parts = np.split(rows, ends, axis=1)[:-1]
        pairs = zip(self.shapes.items(), parts, strict=True)
        return {name: part.reshape(len(rows), *shape) for (name, shape), part in pairs}

    def at_unit_scale(self, rows: Floats) -> Floats:
        """The same points, with all that only multiplies slopes from 1 to 2: cotangents, tangents.

        No two have the same size, so that slopes don't cancel which no author sees cancel; signs
        stay. rows: (points, inputs) of the joint program, as is the result.
        """
        sizes = [math.prod(shape) for shape in self.shapes.values()]
        scaled = np.repeat([name in self.scales for name in self.shapes], sizes)
        scaled = np.concatenate([scaled, np.ones(self.values, dtype=np.bool_)])
        return np.where(scaled, ordinary(rows), rows)

    @cached_property
    def depth(self) -> int:
        """Operations on the longest path from an input to the value or the gradient."""
        return self.joint.depth()

    def sensitivities(self, row: Sequence[float], dtype: Format) -> list[float]:
        """What one rounding of every input and constant moves value and gradient by."""
        return self._careful.sensitivities(row, dtype)

    def sensitive(self, row: Sequence[float], dtype: Format) -> Callable[[int], float]:
        """The same for the outputs that are asked about, by column."""
        return self._careful.sensitive(row, dtype)

    def sensitivities_of(self, rows: Floats, precision: int) -> Floats:
        """The same at many points, (points, outputs); NaN where it takes a closer look."""
        moved = partial(sensitivities, groups=self._groups(precision))
        return self._batched(moved, rows, precision)

    def _groups(self, precision: int) -> Groups:
        """What may be moved at once, worked out once for a precision."""
        known = self._apart
        if precision not in known:
            known[precision] = apart(self._sharp, precision, self._exact)
        return known[precision]

    def least_sensitivities_of(self, rows: Floats, precision: int, noise: Floats) -> Floats:
        """Bounds on them from below, (points, outputs); 0 where none is told.

        noise: what evaluating quickly may lose of each output, (points, outputs).
        """
        return self._batched(
            partial(least_sensitivities, noise=noise, exact=self._exact), rows, precision
        )

    def _batched(
        self, moved: Callable[[Program, Floats, int, Carrier], Floats], rows: Floats, precision: int
    ) -> Floats:
        carrier = carrier_for(precision)
        if carrier is None:
            return np.full((len(rows), len(self.joint.outputs)), np.nan)
        return moved(self._sharp, rows, precision, carrier)

    def losses_of(self, rows: Floats, dtype: Format) -> Floats:
        """What evaluating as written may lose, (points, outputs); NaN where it may be very much."""
        carrier = carrier_for(dtype.precision)
        if carrier is None:
            return np.full((len(rows), len(self.joint.outputs)), np.nan)
        return self._written.losses(rows, dtype, carrier)

    def overflowing(self, rows: Floats, dtype: Format) -> npt.NDArray[np.bool_]:
        """Where plain arithmetic, as written, leaves the dtype's range first, (points,).

        False in doubt.
        """
        carrier = carrier_for(dtype.precision)
        if carrier is None:
            return np.zeros(len(rows), dtype=np.bool_)
        return self._written.overflowing(rows, dtype, carrier)

    def swings(self, row: Sequence[float], dtype: Format) -> list[float]:
        """What a whole rounding of every input and constant moves value and gradient by."""
        return self._careful.swings(row, dtype)

    def swinging(self, row: Sequence[float], dtype: Format) -> Callable[[int], float]:
        """The same for the outputs that are asked about, by column."""
        return self._careful.swinging(row, dtype)

    def swings_of(self, rows: Floats, precision: int) -> Floats:
        """The same at many points, (points, outputs); NaN where it takes a closer look."""
        return self._batched(partial(swings, groups=self._groups(precision)), rows, precision)

    def polar(
        self, row: Sequence[float], dtype: Format, ends: Mapping[str, tuple[float, float]]
    ) -> list[bool]:
        """Which of value and gradient may have a pole among inputs each off by a rounding.

        ends: the smallest and largest number that an input may be, where these are stated.
        """
        within = {flat: pair for name, pair in ends.items() for flat in self.flat_names(name)}
        return self._careful.polar(row, dtype, within)

    def losses(self, row: Sequence[float], dtype: Format) -> list[Loss]:
        """What evaluating value and gradient as written, in the dtype, may lose at a point."""
        return self._careful.losses(row, dtype)

    def recomputed_loss(
        self, row: Sequence[float], column: int, dtype: Format, written: Loss
    ) -> Loss:
        """The larger of the loss as written and that of a slope from rounded saved values."""
        inputs = row[: len(self.forward.inputs)]
        with ctx.workprec(_DECIDING_PRECISION):
            taken = decisions(self.forward, inputs)
        place = self.moving()[column - self.values]
        with ctx.workprec(dtype.precision):
            along = recomputed(self.forward, inputs, place, taken, dtype)
            fed = [arb(c) for c in row[len(inputs) :]]
            total = sum((c * slope for c, slope in zip(fed, along, strict=True)), arb(0))
        if not total.is_finite():
            return written
        lost = float(total.rad())
        return Loss(max(written.radius, lost), written.overflow, max(written.digits, lost))

    def crowded(self, row: Sequence[float], dtype: Format, *, bounded: bool = True) -> bool:
        """Whether a backward may leave the dtype's range where the forward as written does not.

        Nobody says in which order it multiplies cotangents, values and slopes; nor, where no
        bounded domain is stated, whether it multiplies the largest input by itself first: x*x,
        of which a sigmoid leaves little.
        """
        inputs, fed = row[: len(self.forward.inputs)], row[len(self.forward.inputs) :]
        alone = [[float(at == place) for at in range(len(inputs))] for place in self.moving()]
        found = self._met(inputs, alone)
        most = max((size for values, slopes in found for size in values + slopes), default=0.0)
        within = max((size for values, _ in found for size in values), default=0.0) <= dtype.max
        if not bounded:
            largest = max(map(abs, inputs), default=0.0)
            most = max(most, largest * largest)
        return within and most * max([1.0, *map(abs, fed)]) > dtype.max

    def extent(self, row: Sequence[float]) -> tuple[float, float]:
        """The smallest magnitude, but 0, and the largest of values and slopes on the way.

        Slopes are those along one direction in which all inputs move, which tells their scale.
        """
        inputs = row[: len(self.forward.inputs)]
        ((values, slopes),) = self._met(inputs, [np.linspace(1.0, 2.0, len(inputs)).tolist()])
        return min(values + slopes, default=1.0), max(values + slopes, default=1.0)

    def outsized(self, row: Sequence[float], dtype: Format) -> bool:
        """Whether some value on the way is beyond the dtype's range, whoever computes it."""
        inputs = row[: len(self.forward.inputs)]
        ((values, _),) = self._met(inputs, [[0.0] * len(inputs)])
        return max(values, default=0.0) > dtype.max

    def leaving(self, row: Sequence[float], dtype: Format, *, alone: bool = False) -> Leaving:
        """What leaves the dtype's range where value and gradient are evaluated as written.

        alone: the value alone is looked at.
        It is tiny numbers that make it, where nothing leaves the range with others in their place.
        """
        program = self.forward if alone else self.joint
        careful = Careful(program, self.values)
        given = np.array(row[: len(program.inputs)])
        what = careful.overflow(given.tolist(), dtype)
        others = self.without_tiny(given, dtype) if what else None
        by_tiny = others is not None and not careful.overflow(others.tolist(), dtype)
        return Leaving(what, by_tiny)

    def without_tiny(self, row: Floats, dtype: Format) -> Floats | None:
        """A point with numbers from 1/2 to 1 in place of tiny inputs; None where it has none."""
        tiny = self.tiny(row, dtype)
        return np.where(tiny, ordinary(row) / 2, row) if tiny.any() else None

    def tiny(self, rows: Floats, dtype: Format) -> npt.NDArray[np.bool_]:
        """Which numbers of one point or many, (…, inputs), are tiny inputs, and nothing fed."""
        found = (rows != 0) & (np.abs(rows) < dtype.tiny)
        found[..., len(self.forward.inputs) :] = False
        return np.asarray(found)

    def _met(
        self, inputs: Sequence[float], directions: Sequence[Sequence[float]]
    ) -> list[tuple[list[float], list[float]]]:
        """The magnitudes of values and slopes on the way, along each direction."""
        with ctx.workprec(_DECIDING_PRECISION):
            taken = decisions(self.forward, inputs)
            return [met(self.forward, inputs, direction, taken) for direction in directions]

    def other_branches(self, row: Sequence[float], dtype: Format) -> list[list[Ball]]:
        """The outputs along each other way that rounding may take at a point."""
        known = self._rounded
        if dtype.name not in known:
            known[dtype.name] = rounded(self.joint, dtype) or self.joint
        return other_branches(self.joint, known[dtype.name], row, dtype)

    def moving(self) -> list[int]:
        """The places among the forward program's inputs of those with a gradient, in its order."""
        places = {name: at for at, name in enumerate(self.forward.inputs)}
        return [places[flat] for name in self.wrt for flat in self.flat_names(name)]

    def exact_gradient(self, row: Sequence[float]) -> list[Ball]:
        """The gradient at one point as balls of the current precision."""
        return exact(self.joint, row)[self.values :]

    def with_constants_of(self, dtype: Format) -> Derivation | None:
        """Itself with its constants rounded to a dtype; None where they are all numbers of it."""
        known = self._with_constants
        if dtype.name not in known:
            joint = rounded(self.joint, dtype, folded=False)
            forward = rounded(self.forward, dtype, folded=False)
            changed = replace(self, joint=joint or self.joint, forward=forward or self.forward)
            known[dtype.name] = changed if joint else None
        return known[dtype.name]

    @cached_property
    def _apart(self) -> dict[int, Groups]:
        """The groups by precision."""
        return {}

    @cached_property
    def _rounded(self) -> dict[str, Program]:
        return {}

    @cached_property
    def _with_constants(self) -> dict[str, Derivation | None]:
        return {}

    def settle(self, row: Sequence[float], dtype: Format) -> Settled:
        """Place and truths of one point, with care."""
        return self._careful.settle(row, dtype)


def ordinary(rows: Floats) -> Floats:
    """Numbers from 1 to 2 in place of those given, of the same signs; no two of a row are equal."""
    return np.copysign(np.linspace(1.0, 2.0, rows.shape[-1], endpoint=False), rows)


def _contradict(one: Enclosure, other: Enclosure) -> bool:
    """Whether two ways to the same truths exclude each other somewhere."""
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(one.middle - other.middle)
        return bool((gap > one.error + other.error).any())


def derive(spec: Spec, dims: Mapping[str, int]) -> Derivation:
    """Lowers and differentiates a spec's mathematics at concrete sizes.

    Raises LowerError where the expression has no meaning at these sizes.
    """
    builder = Builder()
    shapes = {entry.name: entry.sizes(dims) for entry in spec.inputs}
    arrays = {name: input_array(builder, name, shape) for name, shape in shapes.items()}
    mathematical = _lowered(spec, arrays, dims, builder)
    paired = is_complex(mathematical) or _complex_elsewhere(spec, dims, mathematical)
    value = unpacked(mathematical) if paired else mathematical
    outputs = list(value.reshape(-1))
    names = [flat for name, shape in shapes.items() for flat in flat_names(name, shape)]
    fed = list(input_array(builder, COTANGENT, value.shape).reshape(-1))
    wrt = tuple(entry.name for entry in spec.inputs if entry.requires_grad)
    targets: list[Scalar] = [scalar for name in wrt for scalar in arrays[name].reshape(-1)]
    gradient = vjp(outputs, fed, targets)
    every = [*names, *flat_names(COTANGENT, value.shape)]
    return Derivation(
        shapes,
        value.shape,
        wrt,
        finish(names, outputs),
        finish(every, outputs + gradient),
        paired,
        fixed=frozenset(shapes) - {*wrt},
    )


def forward_of(spec: Spec, dims: Mapping[str, int]) -> Program:
    """The elements of the value alone, which takes no differentiation.

    Raises LowerError where the expression has no meaning at these sizes.
    """
    builder = Builder()
    shapes = {entry.name: entry.sizes(dims) for entry in spec.inputs}
    arrays = {name: input_array(builder, name, shape) for name, shape in shapes.items()}
    value, _ = lower_spec(spec, arrays, dims, builder)
    names = [flat for name, shape in shapes.items() for flat in flat_names(name, shape)]
    return finish(names, list(value.reshape(-1)))


def _complex_elsewhere(spec: Spec, dims: Mapping[str, int], value: Array) -> bool:
    """Whether a value of no elements, or made of none, is complex where no size is 0.

    It is a matter of kind, which numbers have, and an empty sum has no numbers.
    """
    if value.size and 0 not in dims.values():
        return False
    larger = {name: max(size, 1) for name, size in dims.items()}
    builder = Builder()
    arrays = {e.name: input_array(builder, e.name, e.sizes(larger)) for e in spec.inputs}
    try:
        return is_complex(_lowered(spec, arrays, larger, builder))
    except LowerError:
        return False


def lower_spec(
    spec: Spec, arrays: Mapping[str, Array], dims: Mapping[str, int], builder: Builder
) -> tuple[Array, bool]:
    """The elements of a spec's expr, and whether they are complex.

    Its lets are lowered in order, dims stand for their size. Arrays and elements are real:
    complex ones have a last axis [re, im].
    """
    value = _lowered(spec, arrays, dims, builder)
    paired = is_complex(value)
    return (unpacked(value) if paired else value), paired


def _lowered(
    spec: Spec, arrays: Mapping[str, Array], dims: Mapping[str, int], builder: Builder
) -> Array:
    bindings: dict[str, Array] = {}
    for name, size in dims.items():
        bindings[name] = np.array(builder.constant(size), dtype=object)
    bindings |= _packed(spec, arrays)
    for name, expression in spec.let:
        bindings[name] = lower(expression.tree, bindings, builder)
    return lower(_tree(spec), bindings, builder)


def condition(spec: Spec, expression: Expression, shapes: Mapping[str, tuple[int, ...]]) -> Program:
    """A `where` of a spec at concrete shapes; its outputs are the conditions of all elements.

    Raises LowerError where it has no meaning at these shapes, or is no condition.
    """
    builder = Builder()
    arrays = {name: input_array(builder, name, shape) for name, shape in shapes.items()}
    bindings = _sizes(spec, shapes, builder) | _packed(spec, arrays)
    holds = lower_condition(expression.tree, bindings, builder)
    names = [flat for name, shape in shapes.items() for flat in flat_names(name, shape)]
    return finish(names, list(holds.reshape(-1)))


def _packed(spec: Spec, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of the inputs as the mathematics has them."""
    given = {entry.name: entry for entry in spec.inputs}
    return {name: packed(a) if given[name].complex else a for name, a in arrays.items()}


def _sizes(spec: Spec, shapes: Mapping[str, tuple[int, ...]], builder: Builder) -> dict[str, Array]:
    """The dims that the shapes of the inputs imply, as constants."""
    pairs = [zip(entry.real_shape, shapes[entry.name], strict=True) for entry in spec.inputs]
    sizes = {name: size for name, size in chain(*pairs) if isinstance(name, str)}
    return {name: np.array(builder.constant(size), dtype=object) for name, size in sizes.items()}


def _tree(spec: Spec) -> Node:
    if spec.expr is None:
        raise ValueError(f"{spec.address} has no expr")
    return spec.expr.tree
