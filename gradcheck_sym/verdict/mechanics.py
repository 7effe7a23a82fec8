"""Two traces of one steps program, step by step: what was predicted, and what torch did.

A trace is plain data: after every step all names with their value, gradient and flags. Neither
side knows the other; here they meet, and the author's expectations are held against both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, final

from gradcheck_sym.errors import Position
from gradcheck_sym.spec.dtypes import Format, format_of
from gradcheck_sym.verdict.bound import allowed
from gradcheck_sym.verdict.records import Verdict
from gradcheck_sym.verdict.ruling import Gap, rule


@final
@dataclass(frozen=True, slots=True)
class Number:
    """A value; of a prediction also what evaluating it in the dtype may lose."""

    value: float
    loss: float = 0.0  # radius of an evaluation that rounds every step; inf: nothing can be said


@final
@dataclass(frozen=True, slots=True)
class Array:
    """Numbers in row-major order, with their shape."""

    shape: tuple[int, ...]
    numbers: tuple[Number, ...]

    def __str__(self) -> str:
        return _nested(self.shape, [f"{number.value:.12g}" for number in self.numbers])


BLOCKS = ("no_grad", "inference_mode", "enable_grad")

Facet = Array | bool | None  # a value or gradient, a flag, or no gradient


@final
@dataclass(frozen=True, slots=True)
class State:
    """What can be seen of one tensor."""

    name: str
    value: Array
    requires_grad: bool
    is_leaf: bool | None  # None: to ask raises, as of a no_grad view that was written to
    grad: Array | None
    grad_requires_grad: bool = False  # whether the gradient has a graph of its own
    node: str = ""  # of torch: the backward node of what is no leaf
    version: int | None = None  # how many writes autograd has seen; None: not known

    def facets(self) -> Iterator[tuple[str, Facet]]:
        """Everything that is compared, by the name an expectation gives it."""
        yield self.name, self.value
        yield f"{self.name}.requires_grad", self.requires_grad
        yield f"{self.name}.is_leaf", self.is_leaf
        yield f"{self.name}.grad", self.grad
        yield f"{self.name}.grad.requires_grad", self.grad_requires_grad


@final
@dataclass(frozen=True, slots=True)
class Wanted:
    """One expectation of the author's."""

    target: str  # "x.grad", "y", "y.requires_grad", "y.is_leaf"
    facet: Facet


@final
@dataclass(frozen=True, slots=True)
class Snapshot:
    """The world after one step."""

    label: str  # "3", or "3.1" for the first step inside the third
    action: str
    position: Position
    states: tuple[State, ...]  # in the order in which the names came up
    raised: str | None = None  # the name of the exception that left the step
    declared: str | None = None  # the exception that the author says must leave it
    wanted: tuple[Wanted, ...] = ()  # of a prediction: the step's expectations


Trace = tuple[Snapshot, ...]


@final
@dataclass(frozen=True, slots=True)
class Divergence:
    """One thing about which prediction, torch and author are not at one."""

    culprit: str  # "autograd" or "the expectation"
    label: str
    action: str
    position: Position
    name: str  # "x.grad", "y.requires_grad", "raises", …
    symbolic: str
    autograd: str
    wanted: str | None  # None: the author said nothing about it

    @property
    def message(self) -> str:
        """A sentence for people."""
        said = "" if self.wanted is None else f", expected {self.wanted}"
        return (
            f"step {self.label} ({self.action}): {self.name}: "
            f"predicted {self.symbolic}, torch gave {self.autograd}{said}"
        )


@final
@dataclass(frozen=True, slots=True)
class Comparison:
    """All that was compared, and where the sides part, the first step first."""

    divergences: tuple[Divergence, ...]
    decided: int  # facets and exceptions held against each other
    undecided: int  # numbers that the mathematics does not settle

    @property
    def verdict(self) -> Verdict:
        """Wrong at the first divergence; undecided where nothing could be ruled on."""
        if self.divergences:
            return Verdict.WRONG
        return Verdict.AGREES if self.decided else Verdict.UNDECIDED


def compare(predicted: Trace, executed: Trace, dtype: str) -> Comparison:
    """Holds prediction, torch and expectations against each other after every step.

    Args:
        predicted: the trace that the symbolic interpreter foresaw.
        executed: the trace of the same program in torch.
        dtype: the one that torch computed in; it sets what rounding may lose.
    """
    handled = tuple(f"{step.label}." for step in predicted if step.declared is not None)
    judge = _Judge(format_of(dtype), handled)
    for foreseen, seen in zip_longest(predicted, executed):
        judge.step(foreseen, seen)
    return Comparison(tuple(judge.divergences), judge.decided, judge.undecided)


@final
class _Judge:
    """One comparison under way."""

    def __init__(self, form: Format, handled: tuple[str, ...]) -> None:
        self.form = form
        self.handled = handled  # beginnings of the labels of steps whose block declares a raise
        self.divergences: list[Divergence] = []
        self._told: set[tuple[str, str, str]] = set()
        self.decided = 0
        self.undecided = 0

    def step(self, foreseen: Snapshot | None, seen: Snapshot | None) -> None:
        """Everything about one step; a side that ended early has nothing to show."""
        if foreseen is None or seen is None or foreseen.label != seen.label:
            self._note(foreseen or seen, "the step", _label(foreseen), _label(seen))
            return
        self._raised(foreseen, seen)
        symbolic, autograd = _facets(foreseen), _facets(seen)
        for name in symbolic | autograd:
            texts = _text(symbolic, name), _text(autograd, name)
            same = name in symbolic and name in autograd
            same = same and self._same(symbolic[name], autograd[name])
            if not same and (name, *texts) not in self._told:
                self._told.add((name, *texts))  # it stays so until something changes it
                self._note(foreseen, name, *texts)
        for wanted in foreseen.wanted:
            self._expected(wanted, foreseen, symbolic, autograd)

    def _raised(self, foreseen: Snapshot, seen: Snapshot) -> None:
        self.decided += 1
        declared = foreseen.declared
        names = [name or "nothing" for name in (foreseen.raised, seen.raised)]
        if foreseen.raised != seen.raised:
            self._note(foreseen, "raises", *names, wanted=declared)
        elif foreseen.raised != declared and not self._told_elsewhere(foreseen):
            self._note(foreseen, "raises", *names, wanted=declared or "nothing", autograd=False)

    def _told_elsewhere(self, step: Snapshot) -> bool:
        """Whether another step answers for an undeclared exception: one inside, or the block."""
        inner = step.action in BLOCKS
        return step.declared is None and (inner or step.label.startswith(self.handled))

    def _expected(self, wanted: Wanted, at: Snapshot, symbolic: _Facets, autograd: _Facets) -> None:
        """The author against both: where they agree with each other, the author is the culprit."""
        target = wanted.target
        known = target in symbolic and target in autograd
        foreseen, seen = (
            known and self._same(wanted.facet, side[target]) for side in (symbolic, autograd)
        )
        if not (foreseen and seen):
            texts = _text(symbolic, target), _text(autograd, target)
            self._note(at, target, *texts, wanted=_shown(wanted.facet), autograd=foreseen)

    def _same(self, truth: Facet, claim: Facet) -> bool:
        """Whether a claim is the truth, as far as that is settled."""
        if not isinstance(truth, Array) or not isinstance(claim, Array):
            self.decided += 1
            return truth is claim
        if truth.shape != claim.shape:
            return False
        pairs = zip(truth.numbers, claim.numbers, strict=True)
        return False not in [self._close(*pair) for pair in pairs]  # each of them is counted

    def _close(self, truth: Number, claim: Number) -> bool:
        loss = truth.loss + claim.loss
        if not math.isfinite(loss):
            self.undecided += 1
            return True
        self.decided += 1
        within = _allowed(loss, truth.value, self.form)
        gap = abs(claim.value - truth.value)
        found = rule(Gap(claim.value, truth.value, gap, gap, within, within), self.form.max)
        return found.verdict is Verdict.AGREES

    def _note(
        self,
        at: Snapshot | None,
        name: str,
        symbolic: str,
        claimed: str,
        *,
        wanted: str | None = None,
        autograd: bool = True,
    ) -> None:
        assert at is not None
        culprit = "autograd" if autograd else "the expectation"
        self.divergences.append(
            Divergence(culprit, at.label, at.action, at.position, name, symbolic, claimed, wanted)
        )


_Facets = dict[str, Facet]


def _facets(snapshot: Snapshot) -> _Facets:
    return dict(facet for state in snapshot.states for facet in state.facets())


def _allowed(loss: float, value: float, form: Format) -> float:
    """What torch may be off by. A program of steps says itself where it rounds: after each one."""
    most: float = allowed(loss, _ulp(value, form), 0, form.underflow)
    return most


def _ulp(value: float, form: Format) -> float:
    """One unit in the last place of a finite value in a format, at least its smallest step."""
    held = min(abs(value), form.max)
    exponent = max(math.frexp(held)[1] - 1, form.exponent_min) if held else form.exponent_min
    return math.ldexp(1.0, exponent + 1 - form.precision)


def _label(snapshot: Snapshot | None) -> str:
    return "no such step" if snapshot is None else f"step {snapshot.label}"


def _text(facets: _Facets, name: str) -> str:
    return _shown(facets[name]) if name in facets else "no such name"


def _shown(facet: Facet) -> str:
    if isinstance(facet, Array):
        return str(facet)
    return {None: "none", True: "true", False: "false"}[facet]


def _nested(shape: tuple[int, ...], texts: list[str]) -> str:
    if not shape:
        return texts[0]
    size = math.prod(shape[1:])
    rows = [_nested(shape[1:], texts[k * size : (k + 1) * size]) for k in range(shape[0])]
    return f"[{', '.join(rows)}]"


def flattened(nested: Any, number: Callable[[Any], Number]) -> tuple[Number, ...]:
    """The leaves of nested lists or tuples in row-major order, as numbers."""
    if isinstance(nested, (list, tuple)):
        return tuple(leaf for item in nested for leaf in flattened(item, number))
    return (number(nested),)
