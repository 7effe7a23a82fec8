"""One spec in one dtype, prepared: its points, what torch claims there, and the truths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.autograd.implementation import Implementation, implementation
from gradcheck_sym.autograd.reverse import Claims, reverse
from gradcheck_sym.run import guard
from gradcheck_sym.run.judge import Judgement, judge
from gradcheck_sym.run.options import Options
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.bulk import bulk, cotangents
from gradcheck_sym.sampling.edges import edges
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.search import Judge, Score, search
from gradcheck_sym.sampling.seeds import generator, number
from gradcheck_sym.sampling.shapes import assignments
from gradcheck_sym.sampling.shrink import shrink
from gradcheck_sym.sampling.space import Constraint, Space
from gradcheck_sym.spec.dtypes import Format, format_of
from gradcheck_sym.spec.records import Domain, Expression, Input, Interval, Spec
from gradcheck_sym.symbolic import floats, structure
from gradcheck_sym.symbolic.derivation import Derivation, condition, derive
from gradcheck_sym.symbolic.display import derivative_text

Floats = npt.NDArray[np.float64]

_MOST_EXAMPLES = 50  # of a search; most of its time is Hypothesis's own
_LEAST_EXAMPLES = 32  # formulas of fewer operations are not worth loading Hypothesis for
_MOST_JUDGEMENTS = 600  # points judged while a failure is shrunk
_ELEMENTWISE_SHARE = 4  # points for one, where all are judged as one long vector: they cost little
_SINGLY = 16  # points that are run one by one before batching pays
_MOST_EDGES, _LEAST_EDGES = 240, 12  # at all sizes but the first, which gets all; at each


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

    @cached_property
    def implementation(self) -> Implementation:
        """The callable under test; ImplementationError where it cannot be had."""
        return implementation(self.spec, self.options.allow_import)

    @cached_property
    def sizes(self) -> tuple[Mapping[str, int], ...]:
        """The choices of the dims that are visited."""
        if self.options.point is not None:
            return (sizes_of(self.spec, self.options.point, self.options.dims),)
        return assignments(self.spec.dims)

    def derivation(self, dims: Mapping[str, int]) -> Derivation:
        """Value and gradient at these sizes; each derived once."""
        key = tuple(sorted(dims.items()))
        if key not in self.derived:
            self.derived[key] = derive(self.spec, dims)
        return self.derived[key]

    @cached_property
    def space(self) -> Space:
        """Where points may lie: stated domains, else those that the functions need."""
        forward = self.derivation(self.sizes[0]).forward
        natural = _by_input(structure.natural_domains(forward))
        marks = _by_input(structure.thresholds(forward))
        inputs = tuple(
            _with_domain(entry, natural.get(entry.name, ())) for entry in self.spec.inputs
        )
        return Space(
            inputs,
            self.dtype.name,
            self.spec.dims,
            tuple(_constraint(self.spec, expression) for expression in self.spec.where),
            {
                name: tuple(sorted({x for part in parts for x in part}))
                for name, parts in marks.items()
            },
        )

    @property
    def bounded(self) -> bool:
        """Whether the author states a bounded domain for every free input."""
        return all(map(_is_bounded, self.spec.inputs))

    @cached_property
    def elementwise(self) -> bool:
        """Whether many points may be laid out as the elements of one long vector."""
        return _elementwise(self.spec, self.derivation)

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """All points, with claims and truths; the search comes last, if nothing is wrong yet."""
        planned = tuple(self._trials())
        if (
            self.options.point is not None
            or not self.space.free
            or any(map(self.is_wrong, planned))
        ):
            return planned
        found = self._searched()
        return planned if found is None else (*planned, found)

    @cached_property
    def unsound(self) -> str:
        """What the guard on SymPy has to object to the truths; "" where it agrees."""
        return guard.unsound(self.trials)

    @cached_property
    def dropped(self) -> dict[str, int]:
        """Points that were drawn but break a constraint, by reason; filled with the trials."""
        return {}

    def _trials(self) -> Iterator[Trial]:
        if self.options.point is not None:
            yield self.at(self.sizes[0], self.options.point, self.options.cotangent, "example")
            return
        for example in self.spec.examples:
            sizes = sizes_of(self.spec, example.point, {})
            yield self.at(sizes, example.point, None, "example")
        for place, dims in enumerate(self.sizes):
            yield self.trial(self._edges(dims, whole=place == 0), "each")
        yield from self._bulk()

    def _edges(self, dims: Mapping[str, int], *, whole: bool) -> Batch:
        drawn = edges(self.space, dims, self._stream("edges", dims))
        self._count(drawn.dropped)
        lanes, most = drawn.batch.lanes, max(_LEAST_EDGES, _MOST_EDGES // len(self.sizes))
        if whole or lanes <= most:
            return drawn.batch
        return drawn.batch.take(np.linspace(0, lanes - 1, most).astype(np.int64))

    def _bulk(self) -> Iterator[Trial]:
        if not self.space.free:
            return
        if self.elementwise:
            ones = {dim.name: 1 for dim in self.spec.dims}
            lanes = _ELEMENTWISE_SHARE * self.options.points
            yield self.trial(self._drawn(ones, lanes), self._bulk_mode)
            return
        share = max(1, self.options.points // len(self.sizes))
        for dims in self.sizes:
            yield self.trial(self._drawn(dims, share), self._bulk_mode)

    def _drawn(self, dims: Mapping[str, int], lanes: int) -> Batch:
        drawn = bulk(self.space, dims, lanes, self._stream("bulk", dims))
        self._count(drawn.dropped)
        return drawn.batch

    def _count(self, dropped: Mapping[str, int]) -> None:
        for reason, lanes in dropped.items():
            self.dropped[reason] = self.dropped.get(reason, 0) + lanes

    def _stream(self, purpose: str, dims: Mapping[str, int]) -> np.random.Generator:
        return generator(self.options.seed, self.spec.name, self.dtype.name, purpose, dict(dims))

    def _searched(self) -> Trial | None:
        """The point of the largest error that Hypothesis finds, as a trial."""
        examples = min(_MOST_EXAMPLES, self.options.points // 20, self._complexity)
        if examples < _LEAST_EXAMPLES:
            return None
        found = search(
            self.space,
            self.sizes,
            self._out_shape,
            self._score(self.is_wrong),
            seed=self._number("search"),
            examples=examples,
        )
        return None if found is None else self.trial(found.batch, "each", found.cotangent)

    @property
    def _complexity(self) -> int:
        """Operations in which something may hide: without limit in a user's own code."""
        if self.implementation.kind == "user":
            return _MOST_EXAMPLES
        sizes = self.sizes[:1] if self.elementwise else self.sizes
        return max(len(self.derivation(dims).joint.code) for dims in sizes)

    def shrunk(self, trial: Trial, lane: int, fails: Callable[[Trial], bool]) -> Trial:
        """The simplest failing point that is reached from a failing one, as a trial."""
        values = {name: array[[lane]] for name, array in trial.values.items()}
        start = Batch(trial.dims, self.dtype.name, values, ("search",))
        fed = trial.cotangents[[lane]]
        if not fails(self.trial(start, "each", fed)):
            return trial
        found = shrink(
            self.space,
            start,
            fed,
            self._out_shape,
            self._score(fails),
            seed=self._number("shrink"),
            judgements=_MOST_JUDGEMENTS,
        )
        return self.trial(found.batch, "each", found.cotangent)

    def _score(self, fails: Callable[[Trial], bool]) -> Judge:
        def judge(
            dims: Mapping[str, int], values: Mapping[str, Floats], cotangent: Floats
        ) -> Score:
            batch = Batch(dims, self.dtype.name, values, ("search",))
            trial = self.trial(batch, "each", cotangent)
            worst = self.judge(trial, trial.every_column).worst
            return Score(np.nan if worst is None else worst.error_ulp, fails(trial))

        return judge

    def judge(self, trial: Trial, columns: slice) -> Judgement:
        """Every number of those columns of a trial against its truth."""
        key = columns.start, columns.stop
        if key not in trial.judged:
            fixed = any(entry.dtype is not None for entry in self.spec.inputs)
            trial.judged[key] = judge(trial, columns, None if fixed else self._twin)
        judgement: Judgement = trial.judged[key]
        return judgement

    def is_wrong(self, trial: Trial) -> bool:
        """Whether anything at all is wrong at a trial's points."""
        return bool(trial.problems) or self.judge(trial, trial.every_column).is_wrong

    def _twin(
        self, trial: Trial, lanes: Sequence[int], scales: Sequence[float]
    ) -> tuple[Trial, Trial]:
        """The same points, scaled, in another dtype (float32 for float64, else 64), and in ours."""
        dtype = "float32" if self.dtype.name == "float64" else "float64"
        other = self._again(trial, lanes, scales, dtype)
        if tuple(scales) == (1.0,):
            return other, trial.take(lanes)
        return other, self._again(trial, lanes, scales, self.dtype.name)

    def _again(
        self, trial: Trial, lanes: Sequence[int], scales: Sequence[float], dtype: str
    ) -> Trial:
        fixed = {entry.name for entry in self.spec.inputs if entry.value is not None}
        values = {}
        for name, array in trial.values.items():
            chosen = array[list(lanes)]
            parts = [chosen * (1.0 if name in fixed else scale) for scale in scales]
            values[name] = round_to(dtype, np.concatenate(parts))
        fed = np.concatenate([round_to(dtype, trial.cotangents[list(lanes)])] * len(scales))
        batch = Batch(trial.dims, dtype, values, ("search",) * len(fed))
        mode = "each" if batch.lanes <= _SINGLY else self._bulk_mode
        return replace(self, dtype=format_of(dtype)).trial(batch, mode, fed)

    @property
    def _bulk_mode(self) -> str:
        """How many points are run at once; a user's own code only as its users run it."""
        if self.elementwise:
            return "elementwise"
        return "each" if self.implementation.kind == "user" else "vmap"

    def _out_shape(self, dims: Mapping[str, int]) -> tuple[int, ...]:
        return self.derivation(dims).out_shape

    def _number(self, purpose: str) -> int:
        return number(self.options.seed, self.spec.name, self.dtype.name, purpose)

    @property
    def formula(self) -> str:
        """The mathematics as the author wrote it."""
        lets = [f"{name} = {expression.text}" for name, expression in self.spec.let]
        assert self.spec.expr is not None
        return "; ".join([*lets, self.spec.expr.text])

    def derivative(self, name: str | None) -> str:
        """The derivative with respect to an input as SymPy states it, where it is short."""
        return "" if name is None else derivative_text(self.spec, name)

    def at(
        self, dims: Mapping[str, int], point: Mapping[str, Any], cotangent: Any, origin: str
    ) -> Trial:
        """The trial of one point; a cotangent of None is drawn."""
        values = {}
        for entry in self.spec.inputs:
            given = point.get(entry.name, entry.value)
            if given is None:
                raise ValueError(f"the point names no value for {entry.name}")
            values[entry.name] = round_to(self.dtype.name, given)[None]
        fed = None if cotangent is None else round_to(self.dtype.name, cotangent)[None]
        return self.trial(Batch(dims, self.dtype.name, values, (origin,)), "each", fed)

    def trial(self, batch: Batch, mode: str, fed: Floats | None = None) -> Trial:
        """What torch claims at these points, beside the derivation that gives the truths."""
        derivation = self.derivation(batch.dims)
        if fed is None:
            stream = self._stream("cotangents", batch.dims)
            fed = cotangents(stream, derivation.out_shape, batch.lanes, self.dtype.name)
        claims = reverse(
            self.implementation, batch.values, derivation.wrt, fed, self.dtype.name, mode
        )
        return assemble(self, derivation, batch, fed, claims)


def assemble(
    subject: Subject, derivation: Derivation, batch: Batch, fed: Floats, claims: Claims
) -> Trial:
    """Puts what torch claims into the columns of the derivation."""
    problems = dict(claims.problems)
    claimed = np.zeros((batch.lanes, len(derivation.joint.outputs)))
    missing = {name for name in derivation.wrt if claims.gradients.get(name) is None}
    value = claims.values
    if value.shape[1:] == derivation.out_shape:
        claimed[:, : derivation.values] = value.reshape(batch.lanes, derivation.values)
    else:
        text = f"the result has shape {value.shape[1:]}; the mathematics has {derivation.out_shape}"
        problems = dict.fromkeys(range(batch.lanes), text) | problems
    for name, part in derivation.columns().items():
        gradient = claims.gradients.get(name)
        if gradient is not None:
            claimed[:, part] = gradient.reshape(batch.lanes, part.stop - part.start)
    return Trial(
        derivation,
        batch.dims,
        subject.dtype,
        batch.values,
        fed,
        batch.origins,
        claimed,
        problems,
        claims.valued if value.shape[1:] == derivation.out_shape else frozenset(),
        frozenset(missing),
        subject.bounded,
    )


def sizes_of(spec: Spec, point: Mapping[str, Any], given: Mapping[str, int]) -> Mapping[str, int]:
    """The sizes of a spec's dims that a point's arrays imply; those given win."""
    found = {dim.name: dim.low for dim in spec.dims}
    for entry in spec.inputs:
        shape = np.shape(point.get(entry.name, entry.value))
        pairs = zip(entry.shape, shape, strict=False)
        found |= {name: size for name, size in pairs if isinstance(name, str)}
    return found | dict(given)


def _by_input(found: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What is known of flat inputs, collected by the input that they are elements of."""
    collected: dict[str, list[Any]] = {}
    for flat, value in found.items():
        collected.setdefault(flat.partition("[")[0], []).append(value)
    return collected


def _with_domain(entry: Input, ranges: Sequence[tuple[float, float]]) -> Input:
    """The input with the domain that its functions need, where the author states none."""
    if entry.domain is not None or entry.value is not None or not ranges:
        return entry
    low, high = max(low for low, _ in ranges), min(high for _, high in ranges)
    return replace(
        entry, domain=Domain((Interval(low, high, low_closed=False, high_closed=False),))
    )


def _is_bounded(entry: Input) -> bool:
    if entry.value is not None:
        return True
    pieces = () if entry.domain is None else entry.domain.intervals
    return bool(pieces) and -np.inf < pieces[0].low and pieces[-1].high < np.inf


def _constraint(spec: Spec, expression: Expression) -> Constraint:
    """A `where` of the spec as a test on arrays of points."""

    def holds(values: Mapping[str, Floats]) -> npt.NDArray[np.bool_]:
        lanes = len(next(iter(values.values())))
        shapes = {name: array.shape[1:] for name, array in values.items()}
        program = condition(spec, expression, shapes)
        rows = np.concatenate([array.reshape(lanes, -1) for array in values.values()], axis=1)
        return np.stack(floats.evaluate(program, rows), axis=1)

    return Constraint(f"where {expression.text}", holds)


def _elementwise(spec: Spec, derivation: Callable[[Mapping[str, int]], Derivation]) -> bool:
    """Whether element k of the value depends on element k of the inputs and on nothing else.

    Looked at with every dim at 2; inputs without a gradient may be numbers that all share.
    """
    if not spec.dims or any(dim.declared for dim in spec.dims):
        return False
    some = derivation({dim.name: 2 for dim in spec.dims})
    mine, shared = [], set()
    for entry in spec.inputs:
        shape = some.shapes[entry.name]
        if shape == some.out_shape and entry.value is None:
            mine.append(entry.name)
        elif entry.value is not None and not shape and not entry.requires_grad:
            shared.add(entry.name)
        else:
            return False
    names = [some.flat_names(name) for name in mine]
    return bool(mine) and structure.is_elementwise(some.forward, names, frozenset(shared))
