"""Every number of a dtype: what a function of one number alone can be asked at all."""

from __future__ import annotations

import numpy as np

from gradcheck_sym.sampling.ordinals import every_value_in
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.space import REAL, Space, complete, filtered


def every_point(space: Space) -> Batch | None:
    """Each finite number of the domain once, every dim being 1; None unless one input is free.

    For dtypes of 16 bits: 65 280 points at most in bfloat16, 63 488 in float16.
    """
    free = space.free
    if len(free) != 1:
        return None
    dims = {dim.name: 1 for dim in space.dims}
    numbers = every_value_in(space.dtype, free[0].domain or REAL)
    shape = (len(numbers), *free[0].sizes(dims))
    if int(np.prod(shape)) != len(numbers):
        return None
    values = complete(space, {free[0].name: numbers.reshape(shape)}, len(numbers))
    return filtered(space, Batch(dims, space.dtype, values, ("exhaustive",) * len(numbers))).batch
