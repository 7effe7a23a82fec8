"""Sees who writes to memory that is lent, even where all is put back in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

from torch import Tensor

from gradcheck_sym.autograd.dispatch import EagerMode
from gradcheck_sym.autograd.graphs import same
from gradcheck_sym.autograd.kernels import written
from gradcheck_sym.autograd.memory import overlap


@contextmanager
def written_meanwhile(lent: Mapping[str, Tensor]) -> Iterator[set[str]]:
    """The names of what had other numbers at some time, filled as operations are carried out.

    Writes that torch does not carry out, such as NumPy's, show only in what they leave behind.
    """
    watching = _Watching(lent)
    with watching:
        yield watching.found


@final
class _Watching(EagerMode):
    """Looks at what is lent after each operation that writes to its memory."""

    def __init__(self, lent: Mapping[str, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: set[str] = set()
        self._lent = {name: (tensor, tensor.detach().clone()) for name, tensor in lent.items()}

    def carry_out(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The operation as it is."""
        result = func(*args, **kwargs)
        for target in written(func, args, kwargs):
            for name, (now, before) in self._lent.items():
                if overlap(target, now) and not same(now, before):
                    self.found.add(name)
        return result
