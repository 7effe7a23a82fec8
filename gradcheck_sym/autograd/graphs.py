"""One point, and the graphs that a function makes there, with what belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from gradcheck_sym.autograd.ledger import Job, dense
from gradcheck_sym.autograd.state import reseed

_LAST = 8  # units in the last place of the largest number that the order of a sum may make

Gradients = tuple[Tensor | None, ...]  # by the inputs that require one, in their order
Answer = tuple[Tensor, Gradients]  # the result and the gradients, as they were at first


@final
@dataclass(frozen=True, slots=True)
class Point:
    """One lane of a job; its own tensors are never lent to anybody."""

    call: Callable[[Mapping[str, Tensor]], Tensor]
    inputs: Mapping[str, Tensor]
    wrt: tuple[str, ...]
    cotangent: Tensor | None  # None stands for ones
    given: Mapping[str, Tensor] | None = None  # tensors that hold the inputs; None: fresh ones

    def graph(self) -> Graph:
        """A forward on leaves; raises what the function raises."""
        tensors = dict(self.given or {k: tensor.clone() for k, tensor in self.inputs.items()})
        for name in self.wrt:
            tensors[name].requires_grad_()
        reseed()
        with torch.enable_grad():
            result = self.call(tensors)
        value = result.detach().clone()
        fed = torch.ones_like(value) if self.cotangent is None else self.cotangent
        return Graph(self.wrt, tensors, result, fed, value)

    def answer(self) -> Answer:
        """What a forward and a backward give; raises what they raise."""
        graph = self.graph()
        return graph.value, copied(graph.pull())


@final
@dataclass(frozen=True, slots=True)
class Graph:
    """A result that is alive, and what its backward is run on."""

    wrt: tuple[str, ...]
    tensors: Mapping[str, Tensor]  # the inputs
    result: Tensor
    fed: Tensor  # the cotangent; a copy of it is lent
    value: Tensor  # the result as it was at first

    @property
    def leaves(self) -> list[Tensor]:
        """The inputs that require a gradient."""
        return [self.tensors[name] for name in self.wrt]

    def pull(self, fed: Tensor | None = None, retain: bool = False) -> Gradients:
        """The gradients as torch.autograd.grad gives them; raises what the backward raises."""
        if not self.result.requires_grad or not self.wrt:
            return (None,) * len(self.wrt)
        fed = self.fed.clone() if fed is None else fed
        reseed()
        with torch.enable_grad():
            return torch.autograd.grad(
                self.result, self.leaves, fed, retain_graph=retain, allow_unused=True
            )


def points_of(job: Job) -> list[Point]:
    """The lanes of a job."""
    fed = [None] * job.lanes if job.cotangents is None else list(job.cotangents.unbind())
    return [
        Point(job.call, {name: batch[lane] for name, batch in job.inputs.items()}, job.wrt, given)
        for lane, given in enumerate(fed)
    ]


def copied(gradients: Gradients) -> Gradients:
    """The gradients as they are now, whatever becomes of their memory."""
    return tuple(None if gradient is None else gradient.clone() for gradient in gradients)


def same(left: Tensor | None, right: Tensor | None) -> bool:
    """Whether two tensors are the same bits; any NaN is like any other."""
    if left is None or right is None:
        return left is right
    return left.shape == right.shape and torch.equal(_bits(left), _bits(right))


def alike(left: Tensor | None, right: Tensor | None) -> bool:
    """Whether two tensors are the same answer: the same bits but for the last few.

    Where memory lies decides in which order BLAS and LAPACK add up, and so what a sum is rounded
    to: the same call on other copies of the same numbers may differ by a few units in the last
    place of the largest.
    """
    if same(left, right):
        return True
    if left is None or right is None or left.shape != right.shape or left.dtype != right.dtype:
        return False
    if not (left.is_floating_point() or left.is_complex()):
        return False
    one, other = dense(left.detach()), dense(right.detach())
    finite = one.isfinite()
    if not torch.equal(finite, other.isfinite()) or not same(one[~finite], other[~finite]):
        return False
    if not finite.any():
        return True
    off, size = (one - other)[finite].abs(), one[finite].abs()
    return bool(off.max() <= _LAST * torch.finfo(left.dtype).eps * size.max())


def _bits(tensor: Tensor) -> Tensor:
    flat = dense(tensor.detach()).flatten().contiguous()
    if flat.is_floating_point() or flat.is_complex():
        flat = flat.masked_fill(flat.isnan(), torch.nan)
    return flat.view(torch.uint8)
