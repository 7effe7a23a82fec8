"""Modes that see every ATen operation of a run, as it is carried out."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes


class EagerMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A mode for code that is run as it is."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False: nothing here is compiled, and to skip the compiler imports it first: a second."""
        return False


def unseen() -> AbstractContextManager[object]:
    """Without any mode: for what is done beside the code under test, which none is to see."""
    active = torch._C._len_torch_dispatch_stack()
    return _disable_current_modes() if active else nullcontext()
