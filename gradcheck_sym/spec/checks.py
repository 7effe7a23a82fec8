"""The names of the checks, and of the inputs that derived functions have besides the spec's own.

As a spec's `checks` and `xfail`, the command line and the reports use them.
"""

from __future__ import annotations

from collections.abc import Iterable

CHECKS = (
    "forward",
    "reverse",
    "forward_mode",
    "second_order",
    "finite_difference",
    "layouts",
    "dtypes",
    "requires_grad_subsets",
    "purity",
    "vmap",
    "compile",
    "steps",
    "expect",
    "proof",
)

# The gradient is a function of the inputs and of this; second_order looks at it.
GRAD_OUTPUT = "grad_output"
_TANGENT = "tangent of "
_SECOND = f"second {_TANGENT}"


def tangent_name(name: str) -> str:
    """The input that holds the direction in which an input moves; forward_mode looks at these."""
    return f"{_TANGENT}{name}"


def second_tangent_name(name: str) -> str:
    """The input that holds the direction in which an input moves while a tangent is taken."""
    return f"{_SECOND}{name}"


def is_tangent(name: str) -> bool:
    """Whether an input holds a direction; no spec's own is called that."""
    return name.startswith((_TANGENT, _SECOND))


def derived_names(inputs: Iterable[str]) -> frozenset[str]:
    """What a point may name besides a spec's inputs."""
    own = [*inputs]
    tangents = [*map(tangent_name, (*own, GRAD_OUTPUT)), *map(second_tangent_name, own)]
    return frozenset({GRAD_OUTPUT, *tangents})
