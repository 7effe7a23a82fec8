"""Many points as one job, and the claims about them as they come in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradcheck_sym.autograd.dispatch import unseen
from gradcheck_sym.autograd.implementation import Implementation, told
from gradcheck_sym.autograd.support import Unsupported, unsupported

Array = NDArray[np.float64]

# What requires a gradient of a cotangent with which a graph of the gradients is made.
UNTRACKED, TRACKED = "untracked", "tracked"


@final
@dataclass(frozen=True, slots=True)
class Claims:
    """Values and gradients as autograd states them; all arrays are read-only float64."""

    values: Array  # (lanes, *shape of the result); NaN in lanes without one
    gradients: Mapping[str, Array | None]  # (lanes, *shape of the input); None: autograd gave none
    problems: Mapping[int, str]  # lane -> what went wrong there
    raised: frozenset[int]  # the lanes among these that raised, and so claim nothing
    valueless: frozenset[int]  # the lanes whose forward gave no value
    untracked: frozenset[int]  # lanes whose result requires no gradient: it has no graph
    mode: str  # the mode that ran
    fallback: str = ""  # why that is not the mode that was asked for
    unsupported: Mapping[int, Unsupported] = field(  # what the lanes say that raised for that
        default_factory=lambda: MappingProxyType({})
    )
    refused: frozenset[str] = frozenset()  # inputs of the graph that were given None


@final
@dataclass(frozen=True, slots=True)
class Surroundings:
    """The memory around what is lent for each lane, which nobody has any business with."""

    buffers: Tensor  # (lanes, length): what is lent lies inside
    outside: Tensor  # the positions in a buffer that belong to nothing lent

    def content(self) -> Tensor:
        """A copy of what lies there now: (lanes, positions)."""
        return self.buffers[:, self.outside]


@final
@dataclass(frozen=True, slots=True)
class Job:
    """All lanes of one request as tensors of the right dtype."""

    call: Callable[[Mapping[str, Tensor]], Tensor]
    inputs: Mapping[str, Tensor]  # (lanes, *shape)
    wrt: tuple[str, ...]
    cotangents: Tensor | None  # (lanes, *shape of the result)
    views: frozenset[str] = frozenset()  # the inputs that are given as views of leaf tensors
    around: Mapping[str, Surroundings] = field(default_factory=dict)  # by what lies inside
    alone: str | None = None  # the one of `wrt` that torch.autograd.grad is asked for, if it is
    graph: str = ""  # UNTRACKED or TRACKED: gradients are computed with create_graph=True

    @property
    def asked(self) -> tuple[str, ...]:
        """The inputs whose gradients are asked for."""
        return self.wrt if self.alone is None else (self.alone,)

    @property
    def fixed(self) -> frozenset[str]:
        """The inputs without gradient that are the same in all lanes, such as an option."""
        return frozenset(
            name
            for name, batch in self.inputs.items()
            if name not in self.wrt and bool((batch == batch[:1]).all())
        )

    @property
    def lanes(self) -> int:
        """How many points there are."""
        return next((len(batch) for batch in self.batches.values()), 0)

    @property
    def batches(self) -> dict[str, Tensor]:
        """Everything that the implementation is lent and must not write to."""
        lent = {f"the input {name}": batch for name, batch in self.inputs.items()}
        return lent if self.cotangents is None else lent | {"the cotangent": self.cotangents}

    def watched(self) -> dict[str, Tensor]:
        """Copies of all that must stay as it is: (lanes, ...) each."""
        lent = {name: batch.clone() for name, batch in self.batches.items()}
        around = {f"the memory around {k}": v.content() for k, v in self.around.items()}
        return lent | around


def job_of(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
) -> Job:
    """The job of some points; arguments as of `reverse`. ValueError where the counts differ."""
    own = implementation.dtypes
    inputs = {name: _batch(array, own.get(name, dtype)) for name, array in values.items()}
    fed = None if cotangents is None else _batch(cotangents, dtype)
    job = Job(implementation.call, inputs, wrt, fed)
    if any(len(batch) != job.lanes for batch in job.batches.values()):
        counts = ", ".join(f"{len(batch)} of {name}" for name, batch in job.batches.items())
        raise ValueError(f"lanes: got {counts}; they must be equally many")
    return job


def _batch(array: Array, dtype: str) -> Tensor:
    """A copy of the lanes as a contiguous tensor; exact where the numbers fit the dtype."""
    return torch.from_numpy(np.array(array, dtype=np.float64, order="C")).to(getattr(torch, dtype))


@final
class FormError(Exception):
    """A claim of the wrong form, from code that did not raise."""


@final
class Ledger:
    """The claims as they come in, one lane at a time, copied at once: buffers may be reused."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._values: Tensor | None = None
        self._value_rows: tuple[Tensor, ...] = ()
        self._gradients = {name: _unknown(job.inputs[name].shape) for name in job.asked}
        self._gradient_rows = {name: rows.unbind() for name, rows in self._gradients.items()}
        self._missing: dict[str, list[int]] = {name: [] for name in job.asked}
        self._given: set[str] = set()
        self._problems: dict[int, list[str]] = {}
        self._raised: set[int] = set()
        self._unsupported: dict[int, Unsupported] = {}
        self._valueless = set(range(job.lanes))
        self._touched: set[tuple[int, str]] = set()
        self._untracked: set[int] = set()
        self._refused: set[str] = set()
        if job.cotangents is not None:
            self._shape_values(job.cotangents.shape[1:])

    def _shape_values(self, shape: torch.Size) -> None:
        self._values = _unknown(torch.Size((self._job.lanes, *shape)))
        self._value_rows = self._values.unbind()

    def value(self, lane: int, result: Tensor) -> None:
        """Takes the result of a lane; FormError where its shape is not that of the others."""
        if self._values is None:
            self._shape_values(result.shape)
        row = self._value_rows[lane]
        if result.shape != row.shape:
            raise FormError(f"returned shape {tuple(result.shape)}, not {tuple(row.shape)}")
        row.copy_(result)
        self._valueless.discard(lane)

    def gradient(self, lane: int, name: str, gradient: Tensor | None, leaf: Tensor) -> None:
        """Takes the gradient of an input; FormError where it is not of the form of the input."""
        if gradient is None:
            self._missing[name].append(lane)
            return
        if gradient.shape != leaf.shape or gradient.dtype is not leaf.dtype:
            raise FormError(
                f"{name}.grad has shape {tuple(gradient.shape)} and {gradient.dtype};"
                f" {name} has {tuple(leaf.shape)} and {leaf.dtype}"
            )
        self._gradient_rows[name][lane].copy_(dense(gradient))
        self._given.add(name)

    def refused(self, name: str) -> None:
        """Notes an input that the graph leads to, and that was given None nevertheless."""
        self._refused.add(name)

    def untracked(self, lane: int) -> None:
        """Notes a result without a graph: no input has a gradient."""
        self._untracked.add(lane)
        for lanes in self._missing.values():
            lanes.append(lane)

    def touched(self, lane: int, lent: str) -> None:
        """Notes a forward after which the version of what it was lent has changed."""
        self._touched.add((lane, lent))

    def written(self, lane: int, lent: str) -> None:
        """Notes that what was lent has other bits now; a forward that did it gave no value."""
        if (lane, lent) in self._touched:
            self._valueless.add(lane)
            self.problem(lane, f"the forward wrote to {lent}")
        else:
            self.problem(lane, f"wrote to {lent}")

    def problem(self, lane: int, text: str) -> None:
        """Notes what went wrong at a lane."""
        self._problems.setdefault(lane, []).append(text)

    def raised(self, lane: int, error: BaseException) -> None:
        """Notes what a lane raised, and whether that says that something is not supported."""
        self.problem(lane, told(error))
        self._raised.add(lane)
        lacking = unsupported(error)
        if lacking is not None:
            self._unsupported[lane] = lacking

    def claims(self) -> Claims:
        """All that came in, as one record."""
        gradients = {name: self._settled(name) for name in self._job.asked}
        values = _unknown(torch.Size((self._job.lanes,))) if self._values is None else self._values
        return Claims(
            values=frozen(values),
            gradients=MappingProxyType(gradients),
            problems=MappingProxyType({k: "; ".join(v) for k, v in sorted(self._problems.items())}),
            raised=frozenset(self._raised),
            valueless=frozenset(self._valueless),
            untracked=frozenset(self._untracked),
            mode="each",
            unsupported=MappingProxyType(self._unsupported),
            refused=frozenset(self._refused),
        )

    def _settled(self, name: str) -> Array | None:
        """The gradient of an input; None where each lane that ran to its end has None."""
        if self._missing[name] and name not in self._given:
            return None
        for lane in self._missing[name]:
            self.problem(lane, none_here(name))
        return frozen(self._gradients[name])


def none_here(name: str) -> str:
    """What is said where an input has no gradient, and elsewhere it has."""
    return f"{name}.grad is None here, at other points it is not"


def dense(gradient: Tensor) -> Tensor:
    """A gradient as an ordinary tensor: an embedding's may be sparse."""
    return gradient if gradient.layout is torch.strided else gradient.to_dense()


def _unknown(shape: torch.Size) -> Tensor:
    return torch.full(shape, torch.nan, dtype=torch.float64)


def frozen(tensor: Tensor) -> Array:
    """A read-only copy in float64, exact for every dtype that is checked."""
    array: Array = tensor.detach().to("cpu", torch.float64, copy=True).numpy()
    array.setflags(write=False)
    return array


def changed(before: Tensor, after: Tensor) -> list[int]:
    """The lanes in which two batches differ in any bit."""
    with unseen():
        flat = (b.unsqueeze(-1).flatten(1).resolve_neg().contiguous() for b in (before, after))
        left, right = (batch.view(torch.uint8) for batch in flat)
        lanes: list[int] = (left != right).any(1).nonzero().flatten().tolist()
        return lanes
