"""Modes that see every operation: what they are shown, and that they change nothing."""

from __future__ import annotations

from typing import Any

import torch

from gradcheck_sym.autograd.dispatch import EagerMode
from gradcheck_sym.autograd.kernels import tensors


class _Listing(EagerMode):
    """Takes down which operations were given a tensor without memory."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0
        self.without_memory: list[str] = []

    def carry_out(self, func: Any, args: Any, kwargs: Any) -> Any:
        self.operations += 1
        if any(tensor._is_zerotensor() for tensor in tensors(args, kwargs)):
            self.without_memory.append(func.name())
            return torch.zeros(2)  # for torch would crash
        return func(*args, **kwargs)


def test_zeros_that_lie_nowhere_have_memory_under_a_mode() -> None:
    """As the tangent of an integer factor, which torch multiplies."""
    zeros = torch._efficientzerotensor((2,), dtype=torch.float64)
    with _Listing() as mode:
        scaled = torch.ops.aten.mul.Scalar(zeros, 0.5)
    assert mode.operations > 0
    assert mode.without_memory == []
    assert scaled.tolist() == [0, 0]
