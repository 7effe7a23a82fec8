"""One function under test in one dtype: what torch claims at given points, beside the truths."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.ledger import Claims
from gradcheck_sym.autograd.overflow import on_the_way, overflow
from gradcheck_sym.autograd.recalled import recalled
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.autograd.rounding import RUNS, reach, spreads
from gradcheck_sym.run.judge import Judgement, judge
from gradcheck_sym.run.leaning import Lean, leaning
from gradcheck_sym.run.nearby import jumps, stands_out
from gradcheck_sym.run.patience import ALL, Patience
from gradcheck_sym.run.trial import Trial, anything
from gradcheck_sym.sampling.bulk import cotangents
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.space import Space
from gradcheck_sym.spec.dtypes import DTYPES, Format, format_of
from gradcheck_sym.symbolic.derivation import Derivation
from gradcheck_sym.verdict.records import Verdict

Floats = npt.NDArray[np.float64]
Dims = Mapping[str, int]


@final
@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of an implementation: values and gradients at some lanes."""

    implementation: Implementation
    values: Mapping[str, Floats]  # input -> (lanes, *shape)
    wrt: tuple[str, ...]
    cotangents: Floats  # (lanes, *out_shape)
    dtype: str
    mode: str  # out of autograd.reverse.MODES

    @property
    def lanes(self) -> tuple[Implementation, Mapping[str, Floats], tuple[str, ...], Floats, str]:
        """The arguments of what runs one lane at a time, or in a way of its own."""
        return self.implementation, self.values, self.wrt, self.cotangents, self.dtype

    @property
    def arguments(
        self,
    ) -> tuple[Implementation, Mapping[str, Floats], tuple[str, ...], Floats, str, str]:
        """The arguments of `reverse`."""
        return *self.lanes, self.mode


def backward(asked: Request) -> Claims:
    """What an ordinary backward claims."""
    return reverse(*asked.arguments)


Claimant = Callable[[Request], Claims]

Mask = npt.NDArray[np.bool_]

_SINGLE, _WIDE = 32, 64  # bits
_FIRST = (1, 4)  # perturbed runs of all points, then of those they do not explain
_HARDLY_RIGHT = 8  # a share of a number, such as an eighth
_EXCEPTIONS = 4  # points beside which is looked, of those asked about at once
_JUMPS = 4  # points whose neighbours are looked at, of those asked about at once
_SINGLY = 4  # points that are run one by one before batching pays
_TINY = "numbers are so small that others on the way underflow, or their reciprocals overflow"
_USUAL, _WIDEST = "float32", "float64"
_ENDS = "it is computed in {0}, and ends with the range of that"
_LEAVES, _NARROWER = "on the way {} leaves the range of {}", "; in {} the same is right"


@final
@dataclass(frozen=True, slots=True)
class Function:
    """The mathematics and the implementation of one function, ready to be held together."""

    implementation: Implementation
    derivation: Callable[[Dims], Derivation]  # at some sizes
    space: Space  # of its points; the dtype is in it
    bounded: bool  # the author states a bounded domain for every free input
    stream: Callable[[str, Dims], np.random.Generator]  # random numbers for a purpose at some sizes
    together: str = "each"  # how many points are run at once; see autograd.reverse.MODES
    claimant: Claimant = backward
    patience: Patience = ALL  # with what is in doubt
    setting: str = ""  # what is special about how it is run, such as "x transposed"
    smooth: bool = False  # only regular points are judged: the value itself is a derivative
    kinks: Mapping[str, str] = field(default_factory=dict)  # input -> the member demanded at kinks
    # input -> axes along which its elements are one in memory: of their gradient the sum counts
    shared: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    is_dear: bool = False  # a run takes so long that failing points are left as they are
    weights: Floats | None = None  # of cotangents: 0 for what is not asked for, 1 for the rest

    @property
    def dtype(self) -> Format:
        """The dtype under test."""
        return format_of(self.space.dtype)

    def out_shape(self, dims: Dims) -> tuple[int, ...]:
        """The shape of the value at some sizes."""
        return self.derivation(dims).out_shape

    def trial(self, batch: Batch, mode: str, fed: Floats | None = None) -> Trial:
        """What torch claims at these points, beside the derivation that gives the truths.

        fed: the cotangents, (lanes, *out_shape); None: drawn.
        """
        derivation = self.derivation(batch.dims)
        if fed is None:
            stream = self.stream("cotangents", batch.dims)
            fed = cotangents(stream, derivation.out_shape, batch.lanes, self.dtype.name)
        if self.weights is not None:
            fed = np.where(self.weights == 0, 0.0, fed)
        claims = self.claimant(
            Request(self.implementation, batch.values, derivation.wrt, fed, self.dtype.name, mode)
        )
        return _assembled(self, derivation, batch, fed, claims).summed(self.shared)

    def again(self, usual: Trial, mode: str = "") -> Trial:
        """The points of a trial once more, run in the way of this function, beside that trial.

        mode: how many at once; "" stands for as many as there.
        """
        return self.trial(usual.batch, mode or usual.mode, usual.cotangents).beside(usual)

    def at(self, dims: Dims, point: Mapping[str, Any], cotangent: Any, origin: str) -> Trial:
        """The trial of one point; a cotangent of None is drawn.

        ValueError where the point lacks an input.
        """
        values = {}
        for entry in self.space.inputs:
            given = point.get(entry.name, entry.value)
            if given is None:
                raise ValueError(f"the point names no value for {entry.name}")
            values[entry.name] = round_to(self.dtype.name, given)[None]
        fed = None if cotangent is None else round_to(self.dtype.name, cotangent)[None]
        return self.trial(Batch(dims, self.dtype.name, values, (origin,)), "each", fed)

    def judge(self, trial: Trial, columns: slice) -> Judgement:
        """Every number of those columns of a trial of this function against its truth."""
        key = columns.start, columns.stop
        if key not in trial.judged:
            together = self.together != "each"
            trial.judged[key] = judge(
                trial,
                columns,
                self._rounding,
                self._overflow,
                together=together,
                most=self.patience.points,
                at_kinks=partial(self._rounding, bits=self.dtype.bits),
                inside=self._inside,
                around=self._around if self._may_lean(trial) else None,
            )
        judgement: Judgement = trial.judged[key]
        return judgement

    def is_wrong(self, trial: Trial) -> bool:
        """Whether anything at all is wrong at a trial's points."""
        return bool(trial.problems) or self.judge(trial, trial.every_column).is_wrong

    def is_faulty(self, trial: Trial) -> bool:
        """Whether anything is wrong at a trial's points, or has lost digits."""
        return bool(trial.problems) or bool(self.judge(trial, trial.every_column).faults)

    def is_rounding(self, trial: Trial, lane: int, column: int) -> bool:
        """Whether the error of one number may be rounding in the implementation's operations."""
        errors = np.zeros((1, trial.claimed.shape[1]))
        errors[0, column] = trial.gap(lane, column).least
        return bool(np.isfinite(errors).all() and self._rounding(trial, [lane], errors)[0, column])

    def _rounding(
        self, trial: Trial, lanes: Sequence[int], errors: Floats, bits: int = _SINGLE
    ) -> Mask:
        """Which errors, (lanes, outputs), are rounding in the implementation's own operations.

        bits: of the narrowest dtype that it may round in, if that of the function is no narrower.
        """
        explained, known = errors <= 0, trial.rounded.setdefault(bits, {})
        fresh = [k for k, lane in enumerate(lanes) if not _answered(known.get(lane), errors[k])]
        found = self._explained(trial, [lanes[k] for k in fresh], errors[fresh], bits)
        known.update((lanes[k], (errors[k], row)) for k, row in zip(fresh, found, strict=True))
        for k, lane in enumerate(lanes):
            explained[k] |= known[lane][1]
        return explained

    def _explained(self, trial: Trial, lanes: list[int], errors: Floats, bits: int) -> Mask:
        """The same, found out by perturbed runs: the more of them, the fewer are in doubt.

        Few of them refute nothing, however small their moves: 1 - y*y next to 0 moves by steps, in
        one run of several.
        """
        explained = errors <= 0
        most = self.patience.runs
        for runs in (*_FIRST, most) if most else ():
            left = np.flatnonzero(~explained.all(axis=1))
            if not left.size:
                break
            some = [lanes[k] for k in left]
            explained[left] |= self._rounded(trial, some, errors[left], runs, bits)
        return explained & ~self._standing_out(trial, lanes, errors, explained)

    def _standing_out(
        self, trial: Trial, lanes: list[int], errors: Floats, explained: Mask
    ) -> Mask:
        """Which errors that rounding explains are those of single points, as far as is looked at.

        Only where hardly a digit is left, of numbers that are not lost in the noise, which may be 0
        at the neighbours; and at the first such points.
        """
        found: Mask = np.zeros(errors.shape, dtype=np.bool_)
        size = np.abs(trial.truths[lanes])
        large = explained & (errors > size / _HARDLY_RIGHT) & (errors / _HARDLY_RIGHT <= size)
        for place in np.flatnonzero(large.any(axis=1)).tolist()[:_EXCEPTIONS]:
            found[place] = large[place] & stands_out(self, trial, lanes[place], errors[place])
        return found

    def _rounded(
        self, trial: Trial, lanes: list[int], errors: Floats, runs: int, bits: int
    ) -> Mask:
        """Which errors, (lanes, outputs), so many perturbed runs explain."""
        values = {name: array[lanes] for name, array in trial.values.items()}
        derivation = trial.derivation
        mode = "each" if len(lanes) <= _SINGLY else self.together
        fed = trial.cotangents[lanes]
        explained = errors <= 0
        for found in spreads(
            self.implementation, values, derivation.wrt, fed, self.dtype.name, mode, runs
        ):
            moved = _in_columns(derivation, len(lanes), found.values, found.gradients)
            # What was cast to it is data; a constant that was born in it is another formula.
            seen = found.narrowest == found.cast
            if self._too_narrow(found.narrowest, min(bits, _SINGLE) if seen else bits):
                return explained
            with np.errstate(over="ignore"):
                explained |= errors <= reach() * moved
            if explained.all():
                return explained
        if runs < self.patience.runs:
            return explained
        plain = _in_columns(derivation, len(lanes), found.plain.values, found.plain.gradients)
        left = np.where(explained, 0.0, errors)
        return np.asarray(explained | self._jumping(trial, lanes, left, plain))

    def _may_lean(self, trial: Trial) -> bool:
        """Whether to look for what is off to one side: in 16 bits, of a user's own code."""
        usual = not (trial.smooth or trial.setting) and self.patience.runs == RUNS
        return usual and trial.by_hand and self.dtype.bits < _SINGLE

    def _around(self, trial: Trial, lane: int) -> Lean | None:
        if lane not in trial.leaning:
            trial.leaning[lane] = leaning(self, trial, lane)
        found: Lean | None = trial.leaning[lane]
        return found

    def moves(self, trial: Trial) -> Iterator[Floats]:
        """How far other roundings of the implementation's own operations move each number.

        (lanes, outputs), after each run ever further; infinite where a comparison came out
        otherwise.
        """
        wrt, fed = trial.derivation.wrt, trial.cotangents
        asked = self.implementation, trial.values, wrt, fed, self.dtype.name
        for found in spreads(*asked, mode=trial.mode):
            moved = _in_columns(trial.derivation, len(fed), found.values, found.gradients)
            yield np.full_like(moved, np.inf) if found.flipped else moved

    def narrowest(self, trial: Trial) -> Format:
        """The narrowest dtype in which a user's own code is seen to round at some points."""
        wrt, fed = trial.derivation.wrt, trial.cotangents
        asked = self.implementation, trial.values, wrt, fed, self.dtype.name
        seen = next(spreads(*asked, runs=1)).narrowest if self.implementation.kind == "user" else ""
        return format_of(seen) if seen in DTYPES else self.dtype

    def _inside(self, trial: Trial) -> Format:
        """The same, where rounding in it may be excused; else the dtype under test."""
        inner = self.narrowest(trial)
        return self.dtype if self._too_narrow(inner.name, _SINGLE) else inner

    def _jumping(self, trial: Trial, lanes: Sequence[int], errors: Floats, plain: Floats) -> Mask:
        """Which errors jump like rounding from point to point, where watching changes the way.

        plain: the claims while all was watched. In special ways of running it is not those that
        rounding would have changed.
        """
        found: Mask = np.zeros(errors.shape, dtype=np.bool_)
        usual = replace(self, claimant=backward)
        for place in np.flatnonzero((errors > 0).any(axis=1)).tolist()[:_JUMPS]:
            lane = lanes[place]
            otherwise = (errors[place] > 0) & (plain[place] != trial.claimed[lane])
            if otherwise.any():
                alone = usual.again(trial.take([lane]), "each")
                otherwise &= alone.claimed[0] == trial.claimed[lane]
            if otherwise.any():
                found[place] = otherwise & (errors[place] <= jumps(usual, trial, lane))
        return found

    def _overflow(self, trial: Trial, lane: int, column: int) -> str:
        """Why a claim is off, or no finite number, where numbers left the range; else ""."""
        if not np.isfinite(trial.claimed[lane, column]):
            said = column >= trial.derivation.values and self._overflowing(trial, lane)
            if said:
                return f"in the backward {said} is beyond the dtype's range"
            if self._is_by_tiny(trial, lane):
                return _TINY
        if not trial.by_hand:
            return ""
        return self._narrowed(trial, lane, column) or self._ended(trial, lane, column)

    def _is_by_tiny(self, trial: Trial, lane: int) -> bool:
        """Whether what is composed of torch's operators fails because of tiny inputs alone.

        With others in their place, all is finite.
        """
        if not trial.composed:
            return False
        row = trial.derivation.without_tiny(trial.rows[lane], self.dtype)
        if row is None:
            return False
        others = trial.derivation.unpack(row[None])
        values = {name: round_to(self.dtype.name, array) for name, array in others.items()}
        batch = Batch(trial.dims, self.dtype.name, values, ("search",))
        found = self.trial(batch, "each", trial.cotangents[[lane]])
        return not found.problems and bool(np.isfinite(found.claimed).all())

    def _overflowing(self, trial: Trial, lane: int) -> str:
        """What leaves the dtype's range in the backward at a point, out of what does not.

        In float64, in which domains are thought, one operator of torch's has room to avoid it; what
        is composed of several has not.
        """
        if self.dtype.bits >= _WIDE and self.implementation.single:
            return ""
        values = {name: array[[lane]] for name, array in trial.values.items()}
        fed = trial.cotangents[[lane]]
        wrt = trial.derivation.wrt
        return overflow(self.implementation, values, wrt, fed, self.dtype.name)

    def _narrowed(self, trial: Trial, lane: int, column: int) -> str:
        """What leaves a range that is narrower than the usual one, where all is right in that.

        Formulas are thought of in float32. One whose numbers float16 has no room for on the way is
        the right formula, and a warning tells where it ends; but no number at all where the forward
        of the same code has a right one is a fault of its backward. What the derivative of a
        derivative multiplies on the way was thought of by nobody: then any narrower range than
        float64's, and that one, too, where no bounded domain is stated and no number comes out.
        """
        usual = format_of(_WIDEST if trial.smooth else _USUAL)
        is_narrow = self.dtype.exponent_max < usual.exponent_max
        is_number = np.isfinite(trial.claimed[lane, column])
        if not is_narrow and (is_number or trial.bounded or not trial.smooth):
            return ""
        alone = trial.take([lane])
        wrt, fed = alone.derivation.wrt, alone.cotangents
        if is_narrow:
            asked = Request(self.implementation, alone.values, wrt, fed, usual.name, "each")
            wider = _assembled(self, alone.derivation, alone.batch, fed, self.claimant(asked))
            ruling = wider.summed(self.shared).ruling
            if wider.problems or ruling(0, column).verdict is Verdict.WRONG:
                return ""
            if not (is_number or trial.smooth) and self._ends_early(alone, column):
                return ""
        said = on_the_way(self.implementation, alone.values, wrt, fed, self.dtype.name)
        ending = _NARROWER.format(usual.name) if is_narrow else ""
        return _LEAVES.format(said, self.dtype.name) + ending if said else ""

    def _ends_early(self, alone: Trial, column: int) -> bool:
        """Whether a backward has no number in a stated domain where its forward has the right one.

        Fed 1 at most: how large a grad_output may be is nobody's to say.
        """
        values = alone.derivation.values
        if not alone.bounded or column < values:
            return False
        if any(alone.ruling(0, k).verdict is not Verdict.AGREES for k in range(values)):
            return False
        largest = np.abs(alone.cotangents).max(initial=1.0)
        fed = round_to(self.dtype.name, alone.cotangents / largest)
        found = alone if largest == 1 else self.trial(alone.batch, "each", fed)
        return not np.isfinite(found.claimed[0, column])

    def _ended(self, trial: Trial, lane: int, column: int) -> str:
        """Where a claim ends with the range of a narrower dtype, in which it is computed.

        That costs digits, and range with them. What is left of it, an infinity, no number or 0, has
        to come out of that dtype's own numbers as well, and be right of them. Those that it has no
        room for are nobody's, where no bounded domain is stated.
        """
        claim = trial.claimed[lane, column]
        if claim and np.isfinite(claim):
            return ""
        alone = trial.take([lane])
        inner = self._inside(alone)
        if inner.exponent_max >= self.dtype.exponent_max:
            return ""
        said = _ENDS.format(inner.name)
        values = {name: round_to(inner.name, array) for name, array in alone.values.items()}
        fed = round_to(inner.name, alone.cotangents)
        if not all(map(_held, (alone.cotangents, *alone.values.values()), (fed, *values.values()))):
            return "" if trial.bounded else said
        narrow = replace(self, space=replace(self.space, dtype=inner.name))
        there = narrow.trial(Batch(trial.dims, inner.name, values, ("search",)), "each", fed)
        same = np.array_equal(there.claimed[0, column], claim, equal_nan=True)
        if not same or there.problems:
            return ""
        return "" if narrow.judge(there, slice(column, column + 1)).is_wrong else said

    def _recalled(self, trial: Trial, lane: int) -> Floats:
        """What rounding of what the forward kept may move each number by at a point.

        Of a user's own backward; what torch keeps for its own functions, it rounds.
        """
        if self.implementation.kind != "user":
            return anything(trial, lane)
        values = {name: array[lane] for name, array in trial.values.items()}
        wrt, fed = trial.derivation.wrt, trial.cotangents[lane]
        found = recalled(self.implementation, values, wrt, fed, self.dtype.name)
        gradients = {name: moved[None] for name, moved in found.items()}
        (row,) = _in_columns(trial.derivation, 1, np.zeros((1, *fed.shape)), gradients)
        return np.asarray(row)

    def _too_narrow(self, inside: str, bits: int) -> bool:
        """Whether an implementation computes in fewer bits what comes in more.

        Single precision inside loses digits, and a warning tells so; what is off by a thousandth
        is wrong, whatever it was rounded to on the way.
        """
        return inside in DTYPES and format_of(inside).bits < min(self.dtype.bits, bits)


def _answered(known: tuple[Floats, Mask] | None, errors: Floats) -> bool:
    """Whether it was found out already what rounding explains of some errors at a point."""
    return known is not None and bool(((errors == 0) | (errors == known[0])).all())


def _held(array: Floats, rounded: Floats) -> bool:
    """Whether a dtype has room for all numbers: none became infinite, or 0."""
    return bool((np.isfinite(rounded) & ((rounded != 0) | (array == 0))).all())


def _in_columns(
    derivation: Derivation,
    lanes: int,
    value: Floats,
    gradients: Mapping[str, Floats | None],
) -> Floats:
    """Values and gradients in the columns of a derivation; 0 where there are none."""
    found = np.zeros((lanes, len(derivation.joint.outputs)), order="F")
    if value.shape[1:] == derivation.out_shape:
        found[:, : derivation.values] = value.reshape(lanes, derivation.values)
    for name, part in derivation.columns().items():
        gradient = gradients.get(name)
        if gradient is not None:
            found[:, part] = gradient.reshape(lanes, part.stop - part.start)
    return found


def _ends(space: Space, names: Collection[str]) -> dict[str, tuple[float, float]]:
    """The smallest and the largest number of each domain that is stated."""
    stated = {entry.name: entry.domain.intervals for entry in space.inputs if entry.domain}
    return {
        name: (min(part.low for part in parts), max(part.high for part in parts))
        for name, parts in stated.items()
        if name in names
    }


def _assembled(
    function: Function, derivation: Derivation, batch: Batch, fed: Floats, claims: Claims
) -> Trial:
    """Puts what torch claims into the columns of the derivation."""
    problems = dict(claims.problems)
    claimed = _in_columns(derivation, batch.lanes, claims.values, claims.gradients)
    missing = {name for name in derivation.wrt if claims.gradients.get(name) is None}
    shape = claims.values.shape[1:]
    by_hand = function.implementation.kind == "user"
    has_form = shape == derivation.out_shape
    if not has_form:
        text = f"the result has shape {shape}; the mathematics has {derivation.out_shape}"
        problems = dict.fromkeys(range(batch.lanes), text) | problems
    return Trial(
        derivation,
        batch.dims,
        function.dtype,
        batch.values,
        fed,
        batch.origins,
        claimed,
        problems=problems,
        valueless=claims.valueless if has_form else frozenset(range(batch.lanes)),
        missing=frozenset(missing),
        refused=claims.refused & missing,
        bounded=function.bounded,
        ends=_ends(function.space, derivation.shapes),
        by_hand=by_hand,
        composed=not (by_hand or function.implementation.single),
        setting=function.setting,
        smooth=function.smooth,
        unsupported=claims.unsupported,
        raised=claims.raised,
        kinks=function.kinks,
        mode=claims.mode,
        recalled=function._recalled,
    )
