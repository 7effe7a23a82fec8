"""The checks: one module each, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import final

from gradcheck_sym.run.checks.expect import expect
from gradcheck_sym.run.checks.finite_difference import finite_difference
from gradcheck_sym.run.checks.forward import forward
from gradcheck_sym.run.checks.reverse import reverse
from gradcheck_sym.run.checks.steps import steps
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


def _has_expectation(spec: Spec) -> bool:
    return any(example.value is not None or example.grad for example in spec.examples)


def _has_steps(spec: Spec) -> bool:
    return bool(spec.steps)


CHECKS: Mapping[str, Check] = {
    "forward": Check(forward, _has_expr),
    "reverse": Check(reverse, _has_gradient),
    "finite_difference": Check(finite_difference, _has_slope),
    "expect": Check(expect, _has_expectation),
    "steps": Check(steps, _has_steps),
}
