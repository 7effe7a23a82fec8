"""One spec in one dtype, prepared: what is under test, its points, and the claims there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

import numpy as np

from gradcheck_sym.autograd.implementation import Implementation, implementation
from gradcheck_sym.autograd.ledger import none_here
from gradcheck_sym.run import guard
from gradcheck_sym.run.domains import is_bounded, is_elementwise, sizes_of, space_of
from gradcheck_sym.run.function import Function
from gradcheck_sym.run.options import Options
from gradcheck_sym.run.plan import Plan, shrunk
from gradcheck_sym.run.probing import probed
from gradcheck_sym.run.returned import returned
from gradcheck_sym.run.scaled import scaled
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.seeds import generator, number
from gradcheck_sym.sampling.shapes import assignments
from gradcheck_sym.sampling.space import Space
from gradcheck_sym.spec.checks import GRAD_OUTPUT
from gradcheck_sym.spec.dtypes import Format
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.symbolic.derivation import Derivation, derive
from gradcheck_sym.symbolic.lower import LowerError


@final
@dataclass(frozen=True)
class Subject:
    """What the checks of one spec in one dtype have in common."""

    spec: Spec
    dtype: Format
    options: Options
    # what was derived at which sizes: the mathematics is the same in every dtype
    derived: dict[tuple[tuple[str, int], ...], Derivation] = field(
        default_factory=dict, compare=False, repr=False
    )

    # input -> the derivative as SymPy states it, which takes long to make short
    stated: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    # (what is accused, input) -> the first diagnosis of its gradient; None stands for the value
    told: dict[tuple[str, str | None], Any] = field(default_factory=dict, compare=False, repr=False)

    # (what is accused, input) -> where a fault of that kind was made as simple as it gets
    shrunk_to: dict[tuple[str, str | None], Trial] = field(
        default_factory=dict, compare=False, repr=False
    )

    @cached_property
    def implementation(self) -> Implementation:
        """The callable under test; ImplementationError where it cannot be had."""
        options = self.options
        return implementation(self.spec, options.allow_import, options.implementations)

    @cached_property
    def sizes(self) -> tuple[Mapping[str, int], ...]:
        """The choices of the dims that are visited.

        Some mathematics has no value where a size is 0, as a maximum; those choices are left out,
        if others stay.
        """
        if self.options.point is not None:
            return (sizes_of(self.spec, self.options.point, self.options.dims),)
        every = assignments(self.spec.dims)
        return tuple(dims for place, dims in enumerate(every) if place not in self._void) or every

    @cached_property
    def _void(self) -> Mapping[int, str]:
        """Why there is no value at choices of the dims of which one is 0, by their places."""
        found: dict[int, str] = {}
        for place, dims in enumerate(assignments(self.spec.dims)):
            if 0 in dims.values():
                try:
                    self.derivation(dims)
                except LowerError as error:
                    found[place] = str(error)
        return found

    def derivation(self, dims: Mapping[str, int]) -> Derivation:
        """Value and gradient at these sizes; each derived once."""
        key = tuple(sorted(dims.items()))
        if key not in self.derived:
            self.derived[key] = derive(self.spec, dims)
        return self.derived[key]

    @cached_property
    def space(self) -> Space:
        """Where points may lie."""
        return space_of(self.spec, self.dtype.name, self.derivation(self.sizes[0]).forward)

    @cached_property
    def elementwise(self) -> bool:
        """Whether many points may be laid out as the elements of one long vector."""
        return is_elementwise(self.spec, self.derivation)

    @cached_property
    def function(self) -> Function:
        """The mathematics and the implementation, ready to be held together."""
        return Function(
            self.implementation,
            self.derivation,
            self.space,
            all(map(is_bounded, self.spec.inputs)),
            self._stream,
            self._together,
            kinks=self.spec.kinks,
        )

    def function_at(self, dims: Mapping[str, int]) -> Function:
        """The function, which is one at all sizes, for what is derived of it at each."""
        return self.function

    @property
    def _together(self) -> str:
        """How many points are run at once; a user's own code only as its users run it."""
        if self.elementwise:
            return "elementwise"
        return "each" if self.implementation.kind == "user" else "vmap"

    @cached_property
    def plan(self) -> Plan:
        """Which points are drawn."""
        options = self.options
        seed = self._number("search")
        return Plan(self.function, self.sizes, options.points, seed, options.searches)

    @property
    def _cotangent(self) -> Any:
        """What the function itself is fed at the one point that is asked for; None: drawn.

        Where the point is one of a derived function, the cotangent is that function's.
        """
        point = self.options.point or {}
        own = {entry.name for entry in self.spec.inputs}
        return self.options.cotangent if own.issuperset(point) else point.get(GRAD_OUTPUT)

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """All points, with claims and truths; the search comes last, if nothing is wrong yet."""
        if self.options.point is not None:
            return (self.at(self.sizes[0], self.options.point, self._cotangent, "example"),)
        bulk = tuple(self.plan.bulk())
        planned = (
            *self._examples(),
            *self.plan.edges(),
            *bulk,
            *self._scaled(bulk),
            *self._returned(),
            *self.probed,
        )
        if any(map(self.function.is_wrong, planned)):
            return planned
        found = self.plan.searched()
        return _as_elsewhere(planned if found is None else (*planned, found))

    @cached_property
    def is_wrong(self) -> bool:
        """Whether the value or a gradient is wrong at some point, run as ever."""
        return any(map(self.function.is_wrong, self.trials))

    @cached_property
    def unsound(self) -> str:
        """What the guard on SymPy has to object to the truths; "" where it agrees."""
        return guard.unsound(self.trials)

    @property
    def dropped(self) -> Mapping[str, int]:
        """Points that were drawn but break a constraint, by reason; filled with the trials.

        And sizes at which there is no value.
        """
        void = {} if self.options.point is not None else self._void
        return {**self.plan.dropped, **Counter(f"sizes of 0: {why}" for why in void.values())}

    def _examples(self) -> Iterator[Trial]:
        for example in self.spec.examples:
            sizes = sizes_of(self.spec, example.point, {})
            yield self.at(sizes, example.point, None, "example")

    def _scaled(self, bulk: Sequence[Trial]) -> tuple[Trial, ...]:
        """A few points fed on other scales, at a choice of sizes in the middle."""
        found = scaled(self.function, bulk[len(bulk) // 2]) if bulk else None
        return () if found is None else (found,)

    def _returned(self) -> tuple[Trial, ...]:
        """A few points of a user's own code, fed what its backward has at hand."""
        if self.implementation.kind != "user":
            return ()
        found = returned(self.function, self.middle)
        return () if found is None else (found,)

    @property
    def middle(self) -> Mapping[str, int]:
        """A choice of sizes that are neither the smallest nor all alike, where there is one."""
        return self.sizes[min(1, len(self.sizes) - 1)]

    @cached_property
    def probed(self) -> tuple[Trial, ...]:
        """Points at which a user's own code takes another way; torch's own is not traced.

        That all elements of two inputs are close is a matter of two numbers where there is one
        element.
        """
        if self.implementation.kind != "user" or self.options.point is not None:
            return ()
        related = self.elementwise and len(self.space.free) > 1
        chosen = (self.middle, *(dims for dims in self.sizes[:1] if related))
        distinct = {tuple(dims.items()): dims for dims in chosen}
        found = (probed(self.function, dims) for dims in distinct.values())
        return tuple(trial for trial in found if trial is not None)

    def at(
        self, dims: Mapping[str, int], point: Mapping[str, Any], cotangent: Any, origin: str
    ) -> Trial:
        """The trial of one point; a cotangent of None is drawn."""
        return self.function.at(dims, point, cotangent, origin)

    def shrunk(
        self, function: Function, trial: Trial, lane: int, fails: Callable[[Trial], bool]
    ) -> Trial:
        """The simplest failing point of a function that is reached from a failing one."""
        return shrunk(function, trial, lane, fails, self._number("shrink"))

    def _stream(self, purpose: str, dims: Mapping[str, int]) -> np.random.Generator:
        return generator(self.options.seed, self.spec.name, self.dtype.name, purpose, dict(dims))

    def _number(self, purpose: str) -> int:
        return number(self.options.seed, self.spec.name, self.dtype.name, purpose)

    @property
    def graded(self) -> tuple[str, ...]:
        """The inputs that require a gradient."""
        return tuple(entry.name for entry in self.spec.inputs if entry.requires_grad)

    @property
    def formula(self) -> str:
        """The mathematics as the author wrote it."""
        lets = [f"{name} = {expression.text}" for name, expression in self.spec.let]
        assert self.spec.expr is not None
        return "; ".join([*lets, self.spec.expr.text])

    def derivative(self, name: str | None) -> str:
        """The derivative with respect to an input as SymPy states it, where it is short."""
        from gradcheck_sym.symbolic.display import derivative_text  # and with it SymPy

        if name is None:
            return ""
        if name not in self.stated:
            self.stated[name] = derivative_text(self.spec, name, self.elementwise)
        return self.stated[name]


def _as_elsewhere(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The trials; it is a problem where a backward gives None at some sizes only.

    Even where a gradient is 0: torch.autograd.grad then raises, and an optimizer goes another way.
    An input that is not in the graph at all is not used there, and may have None.
    """
    given = {name for t in trials for name in set(t.derivation.wrt) - t.missing if len(t.claimed)}
    told = []
    for trial in trials:
        refused = sorted(trial.refused & given)
        told.append(trial.without_gradient(none_here(refused[0])) if refused else trial)
    return tuple(told)
