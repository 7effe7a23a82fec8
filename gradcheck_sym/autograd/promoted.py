"""Whether a result is of a wider dtype than the inputs, as where a float64 constant takes part."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from gradcheck_sym.autograd.complexes import with_complex
from gradcheck_sym.autograd.implementation import (
    RAISED,
    Implementation,
    is_wider,
    narrowest_dtype,
)
from gradcheck_sym.autograd.ledger import Array, job_of
from gradcheck_sym.autograd.state import undisturbed


def wider_dtype(implementation: Implementation, values: Mapping[str, Array], dtype: str) -> str:
    """The dtype of the result at the first lane where it is wider than the inputs'; else ""."""
    if implementation.stated is None:
        return ""
    with undisturbed(), torch.no_grad():
        job = job_of(implementation, values, (), None, dtype)
        lent = {name: batch[0].clone() for name, batch in job.inputs.items()}
        given = with_complex(lent, implementation.complex)
        try:
            result = implementation.stated(given)
        except RAISED:
            return ""
    found = getattr(result, "dtype", None)
    if found is None or not is_wider(found, narrowest_dtype(given.values())):
        return ""
    return str(found).removeprefix("torch.")
