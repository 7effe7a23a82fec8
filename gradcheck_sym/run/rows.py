"""A function of rows on a great many of them: what it says of few must hold of each of these.

Kernels work in blocks, and a grid of blocks has an end; what lies beyond shows on large tensors
only. Their truths take no time where each row is computed alone: the rows are those of a few
points, over and over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import final

import numpy as np

from gradcheck_sym.autograd.growth import is_affordable
from gradcheck_sym.autograd.ledger import Claims
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.run.domains import acts_elementwise, is_placeless
from gradcheck_sym.run.evidence import Evidence
from gradcheck_sym.run.function import Floats, Function, Request
from gradcheck_sym.run.sample import Sample, sampled
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.space import kept
from gradcheck_sym.spec.records import Input
from gradcheck_sym.spec.tree import walk
from gradcheck_sym.symbolic import structure
from gradcheck_sym.symbolic.lower import LowerError
from gradcheck_sym.symbolic.program import ProgramError

MANY = 100_003  # rows: no multiple of any block, and more than 16 bits can count

_FEW, _MORE = 64, 1024  # rows at which is seen how the effort grows
_SAMPLE = Sample(edges=0, bulk=24)


@final
@dataclass(frozen=True, slots=True)
class Rows:
    """The size that counts rows, and which axis of each array has it."""

    dim: str
    axes: Mapping[str, int]  # by input; all rows share the others
    of_value: int


def rows_of(subject: Subject) -> Rows | None:
    """The first size without a stated range along which all slices are computed alone, alike."""
    spec = subject.spec
    joined = any(not acts_elementwise(node) for c in spec.where for node in walk(c.tree))
    free = [dim.name for dim in spec.dims if not dim.declared]
    found = (_along(subject, name) for name in free if not joined and is_placeless(spec, {name}))
    return next(filter(None, found), None)


def in_many_rows(subject: Subject, rows: Rows) -> Evidence | None:
    """A few points as the rows of one large tensor; None where that is out of reach."""
    function = subject.function
    first = _with_shared(function, rows, _points(subject, rows))
    if first is None or first.problems or not _is_affordable(function, rows, first):
        return None
    large = replace(
        function,
        claimant=_Claimant(rows),
        setting=f"{rows.dim} = {MANY:,}, of the same rows over and over",
        together="each",
        is_dear=True,
    )
    shared = frozenset(name for name in first.derivation.wrt if name not in rows.axes)
    return Evidence(large, large.again(first, "each"), shared)


# --- what has rows ------------------------------------------------------------------------


def _along(subject: Subject, dim: str) -> Rows | None:
    axes: dict[str, int] = {}
    for entry in subject.spec.inputs:
        found = [axis for axis, size in enumerate(entry.shape) if size == dim]
        if len(found) > 1:
            return None
        if found:
            axes[entry.name] = found[0]
    try:
        one, two = (subject.derivation(_sizes(subject, dim, count)) for count in (1, 2))
    except (LowerError, ProgramError):
        return None
    if not one.values:
        return None
    pairs = enumerate(zip(one.out_shape, two.out_shape, strict=False))
    longer = [axis for axis, (few, more) in pairs if few != more]
    if not axes or len(longer) != 1 or len(one.out_shape) != len(two.out_shape):
        return None
    values = np.arange(two.values).reshape(two.out_shape)
    outputs = [values.take(row, longer[0]).ravel().tolist() for row in range(2)]
    flat = {k: np.array(two.flat_names(k)).reshape(shape) for k, shape in two.shapes.items()}
    names = [
        [str(name) for key, axis in axes.items() for name in flat[key].take(row, axis).ravel()]
        for row in range(2)
    ]
    shared = frozenset(str(n) for k in flat.keys() - axes.keys() for n in flat[k].ravel())
    alike = structure.are_alike(two.forward, outputs, names, shared)
    return Rows(dim, axes, longer[0]) if alike else None


def _sizes(subject: Subject, dim: str, count: int) -> dict[str, int]:
    """The other sizes at 2, or at the least that is stated: of nothing only where all are."""
    others = {d.name: min(max(d.low, 1), d.high) if d.declared else 2 for d in subject.spec.dims}
    return others | {dim: count}


# --- their points -------------------------------------------------------------------------


def _points(subject: Subject, rows: Rows) -> Trial:
    """Single rows as points, or the one that is asked for."""
    sizes = _sizes(subject, rows.dim, 1)
    return sampled(subject, subject.function, _SAMPLE, (sizes,))[-1].trial


def _with_shared(function: Function, rows: Rows, trial: Trial) -> Trial | None:
    """The points with the first one's numbers in what all rows share; None where none is left."""

    def is_shared(entry: Input) -> bool:
        return entry.name not in rows.axes

    shared = {entry.name for entry in filter(is_shared, function.space.free)}
    if not shared:
        return trial
    values = {
        name: np.broadcast_to(array[:1], array.shape) if name in shared else array
        for name, array in trial.values.items()
    }
    batch = replace(trial.batch, values=values)
    good, _ = kept(function.space, batch)
    if not good.any():
        return None
    return function.trial(batch.take(good), "each", trial.cotangents[good])


def _is_affordable(function: Function, rows: Rows, trial: Trial) -> bool:
    few, more, many = (_repeated_all(rows, trial.values, count) for count in (_FEW, _MORE, MANY))
    wrt = trial.derivation.wrt
    return is_affordable(function.implementation, few, more, wrt, function.dtype.name, many)


# --- one large tensor ---------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class _Claimant:
    """Runs the rows of all points as one large tensor."""

    rows: Rows

    def __call__(self, asked: Request) -> Claims:
        """What is claimed of each point: of all its copies, by the one farthest from the usual."""
        rows = self.rows
        usual = reverse(*asked.lanes)
        values = _repeated_all(rows, asked.values, MANY)
        fed = _repeated(asked.cotangents, rows.of_value, MANY)
        large = reverse(asked.implementation, values, asked.wrt, fed, asked.dtype)
        lanes = range(len(asked.cotangents))
        if large.problems or large.values.shape != fed.shape:
            return _problem(usual, large, lanes)
        gradients = {
            name: _farthest(own, large.gradients[name], rows.axes[name])
            if name in rows.axes
            else own
            for name, own in usual.gradients.items()
        }
        return replace(
            usual,
            values=_worst(usual.values, large.values, rows.of_value),
            gradients=MappingProxyType(gradients),
        )


def _problem(usual: Claims, large: Claims, lanes: range) -> Claims:
    """What went wrong with the large tensor as what went wrong at every point."""
    shape = large.values.shape[1:]
    text = large.problems.get(0, f"the result has shape {shape}")
    return replace(
        usual,
        problems=MappingProxyType(dict.fromkeys(lanes, text)),
        raised=frozenset(lanes if large.raised else ()),
        valueless=frozenset(lanes if large.valueless else ()),
        unsupported=MappingProxyType(
            {lane: what for lane in lanes for what in large.unsupported.values()}
        ),
    )


def _repeated_all(rows: Rows, values: Mapping[str, Floats], count: int) -> dict[str, Floats]:
    """All inputs of one large tensor's lane."""
    return {
        name: _repeated(array, rows.axes[name], count) if name in rows.axes else array[:1]
        for name, array in values.items()
    }


def _repeated(array: Floats, axis: int, count: int) -> Floats:
    """The rows of all lanes, (lanes, *shape), over and over: one lane with so many of them."""
    flat = _flat(array, axis)
    return np.moveaxis(flat[np.arange(count) % len(flat)], 0, axis)[None]


def _flat(array: Floats, axis: int) -> Floats:
    """The rows of all lanes, (rows, ...)."""
    first = np.moveaxis(array, axis + 1, 1)
    return first.reshape(-1, *first.shape[2:])


def _farthest(usual: Floats | None, large: Floats | None, axis: int) -> Floats | None:
    return large if usual is None or large is None else _worst(usual, large, axis)


def _worst(usual: Floats, large: Floats, axis: int) -> Floats:
    """Of the copies of each number in the large tensor the one farthest from the usual."""
    own, copies = _flat(usual, axis), _flat(large, axis)
    missing = -len(copies) % len(own)
    whole = np.concatenate([copies, own[len(own) - missing :]]).reshape(-1, *own.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.where(whole == own, 0.0, np.nan_to_num(np.abs(whole - own), nan=np.inf))
    chosen = np.take_along_axis(whole, off.argmax(axis=0)[None], axis=0)[0]
    first = np.moveaxis(usual, axis + 1, 1)
    return np.moveaxis(chosen.reshape(first.shape), 1, axis + 1)
