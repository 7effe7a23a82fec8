"""Functions whose result is made on another thread: torch.func's transforms are of one thread."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

from torch import Tensor
from torch.utils._pytree import tree_leaves

from gradcheck_sym.autograd.dispatch import EagerMode
from gradcheck_sym.autograd.implementation import RAISED
from gradcheck_sym.autograd.ledger import Job
from gradcheck_sym.autograd.support import Feature, UnsupportedError, unsupported


def of_other_threads(job: Job, error: BaseException) -> BaseException:
    """The exception of a transform; where the function works on another thread, one that says so.

    What is raised there is anything: an element that a list has not got, as nothing came back.
    """
    if unsupported(error) is not None or not job.lanes or not _is_made_elsewhere(job):
        return error
    return UnsupportedError(Feature.VMAP, "the result is made on another thread")


def _is_made_elsewhere(job: Job) -> bool:
    """Whether no operation of this thread makes the result of the first lane, nor is it lent."""
    tensors = {name: batch[0].clone() for name, batch in job.inputs.items()}
    seen = _Makers(tensors.values())
    try:
        with seen:
            result = job.call(tensors)
    except RAISED:
        return False
    return _place(result) not in seen.places


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


@final
class _Makers(EagerMode):
    """Notes where the results of this thread's operations lie."""

    def __init__(self, lent: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.places = {_place(tensor) for tensor in lent}
        self._alive: list[Any] = []  # so that nothing else comes to lie there

    def carry_out(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The operation as it is."""
        made = func(*args, **kwargs)
        self._alive.append(made)
        self.places |= {_place(part) for part in tree_leaves(made) if isinstance(part, Tensor)}
        return made
