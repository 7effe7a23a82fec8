"""Random expressions: SymPy's gradient against Taylor arithmetic, differences and torch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from flint import arb, ctx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradcheck_sym.autograd.functions import evaluate as torch_evaluate
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.symbolic import floats, interpret
from gradcheck_sym.symbolic.derivation import Derivation
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.symbolic.taylor import slopes

FLOAT64 = format_of("float64")
INPUTS: dict[str, tuple[int, ...]] = {"v": (3,), "m": (2, 3), "z": (), "unused": (2,)}
SHAPES: list[tuple[int, ...]] = [(), (3,), (2, 3)]
RANDOM = settings(
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _drawn(
    data: st.DataObject, expressions: Any, derived: Any, rows: Any, **options: Any
) -> tuple[str, Derivation, list[float]]:
    shape = data.draw(st.sampled_from(SHAPES))
    text = data.draw(expressions(shape, **options))
    derivation = derived(text, INPUTS)
    cotangents = [round(math.sin(1 + k), 2) for k in range(math.prod(shape))]
    return text, derivation, [*data.draw(rows), *cotangents]


@RANDOM
@given(data=st.data())
def test_taylor_arithmetic_overlaps(
    data: st.DataObject, expressions: Any, derived: Any, rows: Any
) -> None:
    """The two derivatives, which share nothing but the program, overlap along any direction."""
    _, derivation, row = _drawn(data, expressions, derived, rows)
    if derivation.settle(row, FLOAT64).place is not Place.REGULAR:
        return
    inputs = row[:12]
    direction = [float(k % 5 - 2) or 3.0 for k in range(12)]
    with ctx.workprec(256):
        taken = interpret.decisions(derivation.forward, inputs)
        along = slopes(derivation.forward, inputs, direction, taken)
        taylor = sum((c * s for c, s in zip(row[12:], along, strict=True)), arb(0))
        gradient = derivation.exact_gradient(row)
        symbolic = sum((d * g for d, g in zip(direction, gradient, strict=True)), arb(0))
        if symbolic.is_finite():
            assert taylor.is_finite()
            assert taylor.overlaps(symbolic)


@RANDOM
@given(data=st.data())
def test_differences_of_the_value_give_the_gradient(
    data: st.DataObject, expressions: Any, derived: Any, rows: Any
) -> None:
    """At steps of 2**-200 a central difference has sixty digits, and the gradient the same ones."""
    _, derivation, row = _drawn(data, expressions, derived, rows, detach=False)
    if derivation.settle(row, FLOAT64).place is not Place.REGULAR:
        return
    place = data.draw(st.integers(0, 11))
    with ctx.workprec(1000):
        gradient = derivation.exact_gradient(row)[place]
        step = arb(2) ** -200
        ends = []
        for side in (-1, 1):
            inputs = [arb(x) for x in row[:12]]
            inputs[place] += side * step
            values = interpret.exact(derivation.forward, inputs)
            ends.append(sum((c * v for c, v in zip(row[12:], values, strict=True)), arb(0)))
        slope = (ends[1] - ends[0]) / (2 * step)
        bound = (1 + abs(slope)) * arb(2) ** -150
        if gradient.is_finite() and slope.rad() < bound:  # an exp(exp(x)) has no digits left here
            assert abs(gradient - slope) < bound


@RANDOM
@given(data=st.data())
def test_torch_has_the_same_value_and_gradient(
    data: st.DataObject, expressions: Any, derived: Any, rows: Any
) -> None:
    """Whatever the tree, both readings of it mean the same function and the same gradient."""
    text, derivation, row = _drawn(data, expressions, derived, rows)
    settled = derivation.settle(row, FLOAT64)
    if settled.place is not Place.REGULAR or None in settled.values + settled.gradient:
        return
    value, gradient = _by_torch(text, row, derivation.out_shape)
    moved = derivation.sensitivities(row, FLOAT64)
    claims = zip([*value, *gradient], settled.values + settled.gradient, moved, strict=True)
    for claim, truth, sensitivity in claims:
        assert truth is not None
        slack = 1e4 * sensitivity + 1e-12 * abs(truth.middle) + 1e-13
        assert abs(claim - truth.middle) <= slack, (text, row, claim, truth)


def _by_torch(
    text: str, row: list[float], shape: tuple[int, ...]
) -> tuple[list[float], list[float]]:
    leaves, start = {}, 0
    for name, size in INPUTS.items():
        part = row[start : start + math.prod(size)]
        start += len(part)
        leaves[name] = torch.tensor(part, dtype=torch.float64).reshape(size).requires_grad_()
    result = torch_evaluate(parse(text), leaves)
    fed = torch.tensor(row[12:], dtype=torch.float64).reshape(shape)
    if result.requires_grad:
        result.backward(fed)
    flat = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves.values()]
    return result.detach().reshape(-1).tolist(), torch.cat([g.reshape(-1) for g in flat]).tolist()


@RANDOM
@given(data=st.data())
def test_floats_follow_the_balls(
    data: st.DataObject, expressions: Any, derived: Any, rows: Any
) -> None:
    """The quick evaluation in NumPy is that of the balls, up to rounding."""
    _, derivation, row = _drawn(data, expressions, derived, rows)
    settled = derivation.settle(row, FLOAT64)
    found = floats.evaluate(derivation.joint, np.array([row, row]))
    moved = derivation.sensitivities(row, FLOAT64)
    truths = settled.values + settled.gradient
    for columns, truth, sensitivity in zip(found, truths, moved, strict=True):
        assert columns.shape == (2,)
        if truth is not None and settled.place is Place.REGULAR:
            slack = 1e4 * sensitivity + 1e-12 * abs(truth.middle) + 1e-13
            assert abs(columns[0] - truth.middle) <= slack


@RANDOM
@given(data=st.data())
def test_the_kernel_never_contradicts_the_careful_way(
    data: st.DataObject, expressions: Any, derived: Any, rows: Any
) -> None:
    """Where the fast way answers at a regular point, it answers the truth; unused inputs get 0."""
    _, derivation, row = _drawn(data, expressions, derived, rows)
    settled = derivation.settle(row, FLOAT64)
    middle, sensitivity, _ = derivation.kernel.enclose(np.array([row]), 53)
    truths = settled.values + settled.gradient
    for column, truth in enumerate(truths):
        if truth is not None and math.isfinite(sensitivity[0, column]):
            reach = sensitivity[0, column] * 2.0**-24 + 2.0**-52 * abs(truth.middle) + 1e-300
            assert abs(middle[0, column] - truth.middle) <= reach
    assert middle[0, derivation.columns()["unused"]].tolist() == [0.0, 0.0]
