"""A guard on SymPy itself: the same derivative by Taylor arithmetic must overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence

from flint import arb, ctx

from gradcheck_sym.symbolic.derivation import Derivation
from gradcheck_sym.symbolic.interpret import decisions
from gradcheck_sym.symbolic.taylor import slopes

_PRECISION = 128  # bits


def disagreement(derivation: Derivation, row: Sequence[float]) -> str:
    """How the two derivatives differ at a regular point; "" where their balls overlap.

    Compares sum(cotangent * slope along v) with sum(gradient * v) for one direction v.
    row holds the joint program's inputs, exact.
    """
    inputs = row[: len(derivation.forward.inputs)]
    direction = _direction(derivation)
    with ctx.workprec(_PRECISION):
        along = slopes(derivation.forward, inputs, direction, decisions(derivation.forward, inputs))
        taylor = sum((c * s for c, s in zip(row[len(inputs) :], along, strict=True)), arb(0))
        gradient = derivation.exact_gradient(row)
        moving = [direction[place] for place in derivation.moving()]
        symbolic = sum((v * g for v, g in zip(moving, gradient, strict=True)), arb(0))
        if not taylor.is_finite() or not symbolic.is_finite() or taylor.overlaps(symbolic):
            return ""
    return (
        f"SymPy's derivative gives {symbolic.str(20)} and Taylor arithmetic {taylor.str(20)} "
        "along the same direction"
    )


def _direction(derivation: Derivation) -> list[float]:
    """Small numbers on the inputs with a gradient, 0 on the others."""
    direction: list[float] = []
    for name, shape in derivation.shapes.items():
        moves = name in derivation.wrt
        direction += [float(k % 7 + 1) if moves else 0.0 for k in range(math.prod(shape))]
    return direction
