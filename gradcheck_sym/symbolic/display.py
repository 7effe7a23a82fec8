"""Formulas for people: a derivative as SymPy writes it."""

from __future__ import annotations

import sympy

from gradcheck_sym.spec.records import Spec
from gradcheck_sym.symbolic.derivation import lower_spec
from gradcheck_sym.symbolic.differentiate import expression_of
from gradcheck_sym.symbolic.lower import input_array
from gradcheck_sym.symbolic.program import Builder

_LONGEST = 400  # characters; longer derivatives explain nothing
_LARGEST = 200  # SymPy operations; larger ones take long to print


def derivative_text(spec: Spec, name: str) -> str:
    """d expr/d name at the smallest sizes, in the spec's own names; "" where it would be long.

    For an array it is the derivative of the first element of the value by the first of the input.
    """
    dims = {dim.name: dim.low for dim in spec.dims}
    builder = Builder()
    arrays = {
        entry.name: input_array(builder, entry.name, entry.sizes(dims)) for entry in spec.inputs
    }
    value = lower_spec(spec, arrays, dims, builder)
    if not value.size or not arrays[name].size or value.flat[0].instruction.op == "const":
        return ""
    formula = expression_of(value.flat[0], _LARGEST)
    if formula is None:
        return ""
    slope = str(sympy.diff(formula, symbol(arrays[name].flat[0].instruction.data)))
    return slope if len(slope) <= _LONGEST else ""


def symbol(flat: object) -> sympy.Symbol:
    """The real SymPy symbol of a flat input; names such as beta or E are plain symbols here."""
    return sympy.Symbol(str(flat), real=True)
