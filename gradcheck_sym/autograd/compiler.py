"""torch's compiler is left out of the process until something needs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import torch

_NAME = "torch._dynamo"


class _StandIn:
    """What torch.func asks the compiler for where nothing is compiled; all else is the real one."""

    compiled_autograd = SimpleNamespace(_disable=nullcontext)

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(_NAME), name)


@contextmanager
def uncompiled() -> Iterator[None]:
    """A block in which torch.func differentiates without importing the compiler: over a second.

    What it would import it for is to disable compiled autograd, which is not enabled where the
    compiler was never imported.
    """
    if _NAME in sys.modules or "_dynamo" in vars(torch):
        yield
        return
    stand_in = _StandIn()
    vars(torch)["_dynamo"] = stand_in
    try:
        yield
    finally:
        if vars(torch).get("_dynamo") is stand_in:
            del vars(torch)["_dynamo"]
