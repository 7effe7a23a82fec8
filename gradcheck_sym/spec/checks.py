"""The names of the checks, as a spec's `checks` and `xfail` and the command line use them."""

from __future__ import annotations

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
