"""Backwards that hand what they work on to NumPy or Python: no graph, no rounding is seen there."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor
from torch.overrides import TorchFunctionMode

from gradcheck_sym.autograd.memory import nodes

_TO_NUMPY = (Tensor.numpy, Tensor.__array__)
_TO_PYTHON = (Tensor.item, Tensor.tolist, Tensor.__float__)


@final
class Leaving(TorchFunctionMode):
    """Notes whether a backward hands a tensor to NumPy, or to Python's own arithmetic.

    A mode around torch.autograd.grad is off inside, so each node turns it on for itself.
    """

    def __init__(self, result: Tensor) -> None:
        super().__init__()
        self.left = False  # to NumPy
        self.read = False  # by anybody
        for node in list(nodes(result)):
            node.register_prehook(self._enter)
            node.register_hook(self._leave)

    def _enter(self, received: object) -> None:
        self.__enter__()  # type: ignore[no-untyped-call]

    def _leave(self, handed: object, received: object) -> None:
        self.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The function as it is."""
        self.left |= func in _TO_NUMPY
        self.read |= func in _TO_NUMPY or func in _TO_PYTHON
        return func(*args, **(kwargs or {}))
