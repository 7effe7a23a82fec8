"""The checks: one module each, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

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
from gradcheck_sym.verdict.records import Result

# A check, of one subject; which specs it applies to is said in run.choice.
Check = Callable[[Subject], Iterator[Result]]

CHECKS: Mapping[str, Check] = {
    "forward": forward,
    "reverse": reverse,
    "forward_mode": forward_mode,
    "second_order": second_order,
    "finite_difference": finite_difference,
    "layouts": layouts,
    "dtypes": dtypes,
    "requires_grad_subsets": requires_grad_subsets,
    "purity": purity,
    "vmap": vmap,
    "compile": compile_,
    "steps": steps,
    "expect": expect,
}
