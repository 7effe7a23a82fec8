"""Which checks and dtypes a spec is judged in: decided without loading what judges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gradcheck_sym.run.options import CHECKS, ON_DEMAND, Options
from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.spec.tree import Call, walk


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


def open_dtypes(spec: Spec) -> tuple[str, ...]:
    """The dtypes that it may be checked in, the widest first.

    Inputs of a dtype of their own keep it, and must have room for the numbers of the others, as
    weights in float32 have for activations in bfloat16. Where all have one, there is no choice; nor
    beside complex ones.
    """
    own = [format_of(entry.dtype) for entry in spec.inputs if entry.dtype is not None]
    held = tuple(name for name in DTYPES if all(each.holds(format_of(name)) for each in own))
    fixed = all(entry.dtype is not None or entry.value is not None for entry in spec.inputs)
    paired = any(entry.complex and entry.dtype is not None for entry in spec.inputs)
    return held[:1] if own and (fixed or paired) else held


def has_open_dtype(spec: Spec) -> bool:
    """Whether there is a choice of dtypes."""
    return spec.expr is not None and len(open_dtypes(spec)) > 1


def other_dtypes(spec: Spec, dtype: str) -> tuple[str, ...]:
    """The dtypes that it may be checked in besides one."""
    return tuple(name for name in open_dtypes(spec) if name != dtype)


def _has_expectation(spec: Spec) -> bool:
    return any(example.value is not None or example.grad for example in spec.examples)


def _has_steps(spec: Spec) -> bool:
    return bool(spec.steps)


# Whether a spec gives a check something to compare.
APPLIES: Mapping[str, Callable[[Spec], bool]] = MappingProxyType(
    {
        "forward": _has_expr,
        "reverse": _has_gradient,
        "forward_mode": _has_slope,
        "second_order": _has_slope,
        "finite_difference": _has_slope,
        "layouts": _has_gradient,
        "dtypes": has_open_dtype,
        "requires_grad_subsets": _has_gradient,
        "purity": _has_gradient,
        "vmap": _has_gradient,
        "compile": _has_gradient,
        "steps": _has_steps,
        "expect": _has_expectation,
    }
)


def checks_of(spec: Spec, options: Options) -> tuple[str, ...]:
    """The checks to run, in order: those asked for, as far as they apply."""
    asked = set(CHECKS) - ON_DEMAND | set(spec.checks) if options.checks is None else options.checks
    if options.checks is None and options.dtypes is not None:
        asked = set(asked) - {"dtypes"}  # they are run in all checks
    return tuple(name for name in CHECKS if name in asked and APPLIES[name](spec))


def dtypes_of(spec: Spec, options: Options) -> tuple[str, ...]:
    """The dtypes to check in: those asked for, the widest that an input's own allow, or float64."""
    found = open_dtypes(spec)
    if options.dtypes is not None:
        return tuple(dtype for dtype in options.dtypes if dtype in found)
    return found[:1]
