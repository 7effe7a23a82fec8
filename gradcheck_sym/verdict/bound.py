"""What an evaluation may lose: the only constants of the bound, each with its reason.

A spec has no tolerance. What is allowed is derived from the mathematics at each point: by how
much the exact result moves when every input, cotangent and constant is rounded once (Higham,
Accuracy and Stability of Numerical Algorithms, 1.5: the condition number times the unit
roundoff). That is what a sound (backward stable) evaluation loses. All functions work on floats
and on NumPy arrays alike.
"""

from __future__ import annotations

from typing import Any, TypeVar

Number = TypeVar("Number", float, Any)  # float, or an array of them

# A correctly used elementary function may be off by up to 4 units in the last place (the bound
# that vectorized math libraries such as SLEEF document for their fast variants).
FUNCTION_ROUNDINGS = 4.0

# Every operation on the longest path from an input to the result rounds its own value and, in a
# backward, the product with its slope; each to the effect of a rounding of the result or of what
# went in: Higham's gamma_n, n roundings in a row.
ROUNDINGS_PER_STEP = 2.0

# Results below the normal range are spaced evenly, or flushed to zero where the hardware does so; a
# product of two roundings loses that twice.
UNDERFLOWS = 2.0

# An unstable but right formula loses what its intermediate roundings are magnified by. The lossy
# evaluation rounds every input and every step; other unstable formulas lose a small multiple.
UNSTABLE_FACTOR = 16.0


def allowed(sensitivity: Number, ulp: Number, depth: int, underflow: float) -> Number:
    """The error that any sound evaluation may have, in units of the result.

    Args:
        sensitivity: what one rounding of every input and constant moves the result by.
        ulp: one unit in the last place of the true value, in the dtype.
        depth: operations on the longest path from an input to the result.
        underflow: what the dtype may lose below its normal range.
    """
    return roundings(depth) * (sensitivity + ulp) + UNDERFLOWS * underflow


def roundings(depth: int) -> float:
    """How many roundings a sound evaluation of that depth may have made, one upon the other."""
    return FUNCTION_ROUNDINGS + ROUNDINGS_PER_STEP * depth


def tolerated(loss: Number, sound_allowed: Number, flushed: float = 0.0) -> Number:
    """The error up to which digits may be lost by an unstable formula that is right.

    Args:
        loss: radius of an evaluation at the dtype's own precision that rounds every step.
        sound_allowed: what a sound evaluation may lose.
        flushed: the largest result that may come out as 0 in its place. IEEE 754 has results
            below the normal range keep what digits they can; fast kernels do without them.
    """
    return UNSTABLE_FACTOR * loss + sound_allowed + flushed
