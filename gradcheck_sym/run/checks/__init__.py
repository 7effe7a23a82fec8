"""The checks: one module each, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import final

from gradcheck_sym.run.checks.compile import compile_
from gradcheck_sym.run.checks.dtypes import dtypes
from gradcheck_sym.run.checks.expect import expect
from gradcheck_sym.run.checks.finite_difference import finite_difference
from gradcheck_sym.run.checks.forward import forward
from gradcheck_sym.run.checks.forward_mode import forward_mode
from gradcheck_sym.run.checks.layouts import layouts
from gradcheck_sym.run.checks.purity import purity
from gradcheck_sym.run.checks.requires_grad_subsets import requires_grad_subsets
from gradcheck_sym.run.checks.reverse import reverse
from gradcheck_sym.run.checks.second_order import second_order
from gradcheck_sym.run.checks.steps import steps
from gradcheck_sym.run.checks.vmap import vmap
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.spec.tree import Call, walk
from gradcheck_sym.verdict.records import Result


@final
@dataclass(frozen=True, slots=True)
class Check:
    """One kind of comparison."""

    run: Callable[[Subject], Iterator[Result]]
    applies: Callable[[Spec], bool]  # whether the spec gives it something to compare


def _has_expr(spec: Spec) -> bool:
    return spec.expr is not None


def _has_gradient(spec: Spec) -> bool:
    return spec.expr is not None and any(entry.requires_grad for entry in spec.inputs)


def _has_slope(spec: Spec) -> bool:
    """Whether gradients are slopes: not where the mathematics holds something constant."""
    trees = [expression.tree for _, expression in spec.let]
    trees += [] if spec.expr is None else [spec.expr.tree]
    parts = (part for tree in trees for part in walk(tree))
    detached = any(isinstance(part, Call) and part.function == "detach" for part in parts)
    return _has_gradient(spec) and not detached


def _has_open_dtype(spec: Spec) -> bool:
    """Whether it may be checked in any dtype: no input is of one of its own."""
    return spec.expr is not None and all(entry.dtype is None for entry in spec.inputs)


def _has_several(spec: Spec) -> bool:
    return spec.expr is not None and sum(entry.requires_grad for entry in spec.inputs) > 1


def _has_expectation(spec: Spec) -> bool:
    return any(example.value is not None or example.grad for example in spec.examples)


def _has_steps(spec: Spec) -> bool:
    return bool(spec.steps)


CHECKS: Mapping[str, Check] = {
    "forward": Check(forward, _has_expr),
    "reverse": Check(reverse, _has_gradient),
    "forward_mode": Check(forward_mode, _has_slope),
    "second_order": Check(second_order, _has_slope),
    "finite_difference": Check(finite_difference, _has_slope),
    "layouts": Check(layouts, _has_gradient),
    "dtypes": Check(dtypes, _has_open_dtype),
    "requires_grad_subsets": Check(requires_grad_subsets, _has_several),
    "purity": Check(purity, _has_gradient),
    "vmap": Check(vmap, _has_gradient),
    "compile": Check(compile_, _has_gradient),
    "steps": Check(steps, _has_steps),
    "expect": Check(expect, _has_expectation),
}
