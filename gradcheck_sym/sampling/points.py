"""Points in batches: many assignments of values to the inputs, at one choice of sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from gradcheck_sym.sampling.ordinals import Floats
from gradcheck_sym.spec.records import Nested

ORIGINS = (
    "example",
    "edge",
    "pattern",  # an edge that lies in how the elements of an input are related
    "bulk by value",
    "bulk by ordinal",
    "scaled",  # of others, fed on another scale
    "exhaustive",
    "search",
)

Values = Mapping[str, Floats]
NestedText = str | tuple["NestedText", ...]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Points that share their sizes and dtype; the arrays are read-only.

    ValueError where the arrays disagree about the number of lanes or an origin is not known.
    """

    dims: Mapping[str, int]  # name of a size -> the size
    dtype: str  # every value is a number of this dtype
    values: Values  # input name -> float64 of shape (lanes, *shape of the input)
    origins: tuple[str, ...]  # one of ORIGINS for each lane

    def __post_init__(self) -> None:
        held = {name: _read_only(array) for name, array in self.values.items()}
        lanes = {array.shape[:1] for array in held.values()} | {(len(self.origins),)}
        if len(lanes) != 1:
            raise ValueError(f"a batch has one number of lanes; got {sorted(lanes)}")
        if not set(self.origins) <= set(ORIGINS):
            raise ValueError(f"origins: got {sorted(set(self.origins) - set(ORIGINS))}")
        object.__setattr__(self, "values", MappingProxyType(held))
        object.__setattr__(self, "dims", MappingProxyType(dict(self.dims)))

    def __reduce__(self) -> tuple[object, ...]:
        return Batch, (dict(self.dims), self.dtype, dict(self.values), self.origins)

    @property
    def lanes(self) -> int:
        """The number of points."""
        return len(self.origins)

    def take(self, chosen: ArrayLike) -> Batch:
        """The lanes that a list of numbers, a slice's range or a mask of lanes picks, in order."""
        places = np.arange(self.lanes)[np.asarray(chosen, dtype=_index_type(chosen))]
        values = {name: array[places] for name, array in self.values.items()}
        return Batch(self.dims, self.dtype, values, tuple(self.origins[i] for i in places))

    def lane(self, number: int) -> dict[str, Nested]:
        """One point: input name -> float or nested tuples of floats."""
        return {name: nested(array[number]) for name, array in self.values.items()}

    def hex(self, number: int) -> dict[str, NestedText]:
        """One point as exact hexadecimal floats: input name -> text or nested tuples of texts."""
        return {name: nested_hex(array[number]) for name, array in self.values.items()}


def nested(array: Floats) -> Nested:
    """An array as nested tuples of floats; of no dimension, a float."""
    return _tuples(array.tolist())


def nested_hex(array: Floats) -> NestedText:
    """An array as nested tuples of hexadecimal floats, which name each value exactly."""
    return _hexadecimal(array.tolist())


def concatenate(batches: Sequence[Batch]) -> Batch:
    """The lanes of all batches in order; ValueError unless dims, dtype and inputs are the same."""
    if not batches:
        raise ValueError("there is nothing to concatenate")
    first = batches[0]
    for other in batches[1:]:
        same = (other.dims, other.dtype, set(other.values)) == (
            first.dims,
            first.dtype,
            set(first.values),
        )
        if not same:
            raise ValueError("only batches of the same dims, dtype and inputs are joined")
    values = {name: np.concatenate([b.values[name] for b in batches]) for name in first.values}
    origins = tuple(origin for batch in batches for origin in batch.origins)
    return Batch(first.dims, first.dtype, values, origins)


def _read_only(array: ArrayLike) -> Floats:
    held = np.array(array, dtype=np.float64)
    held.flags.writeable = False
    return held


def _index_type(chosen: ArrayLike) -> type[np.bool_] | type[np.int64]:
    return np.bool_ if np.asarray(chosen).dtype == np.bool_ else np.int64


def _tuples(value: float | list[object]) -> Nested:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value  # type: ignore[arg-type]


def _hexadecimal(value: float | list[object]) -> NestedText:
    return tuple(map(_hexadecimal, value)) if isinstance(value, list) else value.hex()  # type: ignore[arg-type]
