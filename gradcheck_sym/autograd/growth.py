"""How the effort of an implementation grows with its tensors: what is cheap may be tried large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import thread_time
from typing import Any, final

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from gradcheck_sym.autograd.dispatch import EagerMode
from gradcheck_sym.autograd.implementation import RAISED, Implementation
from gradcheck_sym.autograd.ledger import Array, Job, job_of
from gradcheck_sym.autograd.state import undisturbed

_SLACK = 1.5  # times as large as in proportion: sizes are rounded up to whole blocks
_PATIENCE = 0.4  # seconds that a run may take, as far as two smaller ones tell


@final
@dataclass(frozen=True, slots=True)
class _Effort:
    """What one run, forward and backward, took."""

    largest: int  # elements of the largest tensor
    seconds: float  # of this thread


def is_affordable(
    implementation: Implementation,
    few: Mapping[str, Array],
    more: Mapping[str, Array],
    wrt: tuple[str, ...],
    dtype: str,
    target: Mapping[str, Array],
) -> bool:
    """Whether a run at the target takes little, as far as runs at two smaller sizes tell.

    few, more, target: one lane each, alike but for their sizes. What holds every element against
    every other makes tensors that outgrow the inputs; a loop over elements takes its time. False
    where something is raised.
    """
    try:
        with undisturbed():
            one, two = (_effort(job_of(implementation, v, wrt, None, dtype)) for v in (few, more))
    except RAISED:
        return False
    small, large, final_size = (_elements(values) for values in (few, more, target))
    slope = max(two.seconds - one.seconds, 0.0) / max(large - small, 1)
    return (
        two.largest * small <= _SLACK * one.largest * large
        and two.seconds + slope * (final_size - large) <= _PATIENCE
    )


def _elements(values: Mapping[str, Array]) -> int:
    return sum(array.size for array in values.values())


def _effort(job: Job) -> _Effort:
    """What the first lane takes; raises what the implementation raises."""
    tensors = {name: batch[0].detach().clone() for name, batch in job.inputs.items()}
    leaves = [tensors[name].requires_grad_() for name in job.wrt]
    counting = _Counting()
    begun = thread_time()
    with torch.enable_grad(), counting:
        result = job.call(tensors)
        if leaves and result.requires_grad:
            torch.autograd.backward(result, torch.ones_like(result))
    return _Effort(counting.largest, thread_time() - begun)


@final
class _Counting(EagerMode):
    """Counts the elements of what operations make."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.largest = 1

    def carry_out(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The operation as it is."""
        made = func(*args, **kwargs)
        sizes = (part.numel() for part in tree_leaves(made) if isinstance(part, Tensor))
        self.largest = max(self.largest, *sizes, 1)
        return made
