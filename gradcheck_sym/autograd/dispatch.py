"""Modes that see every ATen operation of a run, as it is carried out."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes


class EagerMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A mode for code that is run as it is."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False: nothing here is compiled, and to skip the compiler imports it first: a second."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The operation; with a plain number, of tensors that all have memory.

        A tangent of nothing but zeros has none. What takes two tensors knows of such ones; torch
        2.13.0 crashes where one is multiplied by a number.
        """
        if func._overloadname == "Scalar":
            args = tuple(map(_with_memory, args))
        return self.carry_out(func, args, kwargs or {})

    @abstractmethod
    def carry_out(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The operation, and what the mode has to do with it."""


def _with_memory(given: Any) -> Any:
    return given.clone() if isinstance(given, Tensor) and given._is_zerotensor() else given


def unseen() -> AbstractContextManager[object]:
    """Without any mode: for what is done beside the code under test, which none is to see."""
    active = torch._C._len_torch_dispatch_stack()
    return _disable_current_modes() if active else nullcontext()
