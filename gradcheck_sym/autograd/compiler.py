"""torch's compiler is left out of the process until something needs it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import torch

_NAME = "torch._dynamo"
_SHORT = "_dynamo"  # its name in torch
_KEPT = "__dynamo_disable"  # where torch._disable_dynamo keeps what the compiler made of a function


class _StandIn:
    """What torch asks the compiler for where nothing is compiled; all else is the real one.

    Names that Python itself asks any module for, as `inspect` does, are no reason to import it.
    """

    __spec__ = None  # nothing is being imported, as the import system asks
    compiled_autograd = SimpleNamespace(_disable=nullcontext)

    def __init__(self) -> None:
        self._lent: list[Callable[..., Any]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        self.leave()
        return getattr(import_module(_NAME), name)

    def disable(self, function: Callable[..., Any], *_: object, **__: object) -> Any:
        """A function of which the compiler, who is not there, keeps away."""
        self._lent.append(function)
        return function

    def enter(self) -> None:
        """Stands where the compiler would."""
        sys.modules[_NAME] = self  # type: ignore[assignment]
        vars(torch)[_SHORT] = self

    def leave(self) -> None:
        """Gives the place back, and what was lent."""
        for names, name in ((sys.modules, _NAME), (vars(torch), _SHORT)):
            if names.get(name) is self:
                del names[name]
        while self._lent:
            vars(self._lent.pop()).pop(_KEPT, None)


@contextmanager
def uncompiled() -> Iterator[None]:
    """A block in which torch differentiates without importing the compiler.

    That takes over a second and 90 MB. What torch.func and torch's own functions in Python import
    it for is to keep it away: it is not there where it was never imported.
    """
    if _NAME in sys.modules or _SHORT in vars(torch):
        yield
        return
    stand_in = _StandIn()
    stand_in.enter()
    try:
        yield
    finally:
        stand_in.leave()
