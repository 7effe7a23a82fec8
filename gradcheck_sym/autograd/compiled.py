"""An implementation as torch.compile makes it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from gradcheck_sym.autograd.implementation import Implementation

_MOST_VARIANTS = 1000  # of one function, by shapes, dtypes and what requires a gradient


def compiled(implementation: Implementation, backend: str = "inductor") -> Implementation:
    """The same implementation, compiled when it is first called.

    The compiler itself is loaded then, which takes seconds. "inductor" needs a C++ compiler;
    "aot_eager" traces forward and backward as well, but runs torch's own kernels and needs none.
    What the compiler raises, `unsupported` knows.
    """

    @cache
    def twin() -> Callable[[Mapping[str, Tensor]], Tensor]:
        # Variants are counted by code object, and implementations share theirs: of a full count
        # the next function would silently run as it is.
        torch._dynamo.reset()
        return torch.compile(implementation.call, backend=backend)

    def call(tensors: Mapping[str, Tensor]) -> Tensor:
        with _compiling():
            return twin()(dict(tensors))

    return replace(implementation, call=call, description=f"compiled {implementation.description}")


@contextmanager
def _compiling() -> Iterator[None]:
    """Every variant is compiled, or it is an error; no log of the places left to Python."""
    from torch._dynamo import config

    level = logging.root.manager.disable
    logging.disable(max(level, logging.WARNING))
    try:
        with config.patch(
            recompile_limit=_MOST_VARIANTS,
            accumulated_recompile_limit=_MOST_VARIANTS,
            fail_on_recompile_limit_hit=True,
        ):
            yield
    finally:
        logging.disable(level)
