"""Claims and truths at the same points, side by side: what the checks read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.autograd.support import Unsupported
from gradcheck_sym.run.gaps import Gaps
from gradcheck_sym.sampling.ordinals import ulp
from gradcheck_sym.sampling.points import Batch, nested
from gradcheck_sym.spec.checks import GRAD_OUTPUT, is_tangent
from gradcheck_sym.spec.dtypes import Format
from gradcheck_sym.symbolic.balls import Enclosure
from gradcheck_sym.symbolic.careful import Settled, Truth
from gradcheck_sym.symbolic.derivation import Derivation
from gradcheck_sym.symbolic.places import Place
from gradcheck_sym.verdict.bound import allowed, roundings
from gradcheck_sym.verdict.records import Case, Measured, Verdict
from gradcheck_sym.verdict.ruling import Gap, Ruling, rule

Floats = npt.NDArray[np.float64]

_PLAINLY_CLOSE = 64.0  # ulps beyond what each operation may lose; nobody calls that far


@final
@dataclass(frozen=True, slots=True)
class Fault:
    """One number that does not plainly agree."""

    lane: int
    column: int
    ruling: Ruling
    error_ulp: float
    nearest: float | None = None  # at a kink, the member of the generalized gradient next to it
    allowed: float | None = None  # less than a sound evaluation in general may lose

    @property
    def order(self) -> tuple[int, float]:
        """Worse verdicts are larger, then larger errors."""
        return self.ruling.verdict.rank, self.error_ulp


# Which errors, (lanes, outputs), rounding alone may have made at some lanes.
Rounding = Callable[["Trial", Sequence[int], Floats], npt.NDArray[np.bool_]]

# What rounding of what a forward keeps may move each number by, (outputs,), at a lane of a trial.
Recalled = Callable[["Trial", int], Floats]


def anything(trial: Trial, lane: int) -> Floats:
    """Where nobody looks, what is kept may matter as much as it likes."""
    return np.full(trial.claimed.shape[1], np.inf)


@final
@dataclass(frozen=True)
class Trial:
    """One batch of points at one shape, with what torch claims there."""

    derivation: Derivation
    dims: Mapping[str, int]
    dtype: Format
    values: Mapping[str, Floats]  # input -> (lanes, *shape)
    cotangents: Floats  # (lanes, *out_shape)
    origins: tuple[str, ...]  # of each lane
    claimed: Floats  # (lanes, outputs): the value, then each gradient; 0 where there is none
    problems: Mapping[int, str] = field(default_factory=dict)  # lane -> what went wrong there
    valueless: frozenset[int] = frozenset()  # lanes where there is not even a value
    missing: frozenset[str] = frozenset()  # inputs that autograd gave no gradient
    refused: frozenset[str] = frozenset()  # those of them that the graph leads to
    bounded: bool = True  # the author states where the inputs lie
    ends: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # of stated domains
    by_hand: bool = False  # a user's own code: of what leaves the range in it, it can take care
    composed: bool = False  # of several of torch's operators, none of which knows of the others
    setting: str = ""  # what was special about the run, such as "x transposed"
    smooth: bool = False  # only regular points are judged: the value itself is a derivative
    unsupported: Mapping[int, Unsupported] = field(default_factory=dict)  # lane -> what it lacks
    raised: frozenset[int] = frozenset()  # lanes that raised
    kinks: Mapping[str, str] = field(default_factory=dict)  # input -> the member demanded at kinks
    mode: str = "each"  # how many points were run at once; out of autograd.reverse.MODES
    usual: Trial | None = None  # at the same points, run as it usually is, and judged as well
    recalled: Recalled = anything  # what slopes lose that are made of what a forward kept

    def informed_by(self, other: Trial) -> Trial:
        """Itself, with what is known of the truths from a trial at the same points."""
        self.__dict__["_enclosed"] = other._enclosed
        self.__dict__["_settled"] = other._settled
        return self

    def beside(self, usual: Trial) -> Trial:
        """Itself, next to a trial at the same points, which is judged as well."""
        return replace(self, usual=usual).informed_by(usual)

    def take(self, lanes: Sequence[int]) -> Trial:
        """Some of the points, in that order, with what is known of their truths."""
        chosen = list(lanes)
        places = {lane: place for place, lane in enumerate(chosen)}

        def told(of: Mapping[int, Any]) -> dict[int, Any]:
            return {places[lane]: what for lane, what in of.items() if lane in places}

        some = replace(
            self,
            values={name: array[chosen] for name, array in self.values.items()},
            cotangents=self.cotangents[chosen],
            origins=tuple(self.origins[lane] for lane in chosen),
            claimed=self.claimed[chosen],
            problems=told(self.problems),
            unsupported=told(self.unsupported),
            valueless=frozenset(places[lane] for lane in self.valueless & places.keys()),
            raised=frozenset(places[lane] for lane in self.raised & places.keys()),
            usual=None,
        )
        some.__dict__["_enclosed"] = Enclosure(*(array[chosen] for array in self._enclosed))
        return some

    def at_threshold(self, lane: int) -> Trial | None:
        """A regular point alone, where constants as the dtype has them make it special; else None.

        Code compares with the double that is called 0.9, and subtracts it. That one is beyond 9/10,
        and the threshold or pole of the code all the same. Where 1 + 1e-8 is 1, and 1 a pole, that
        is no excuse.
        """
        derivation = self.derivation.with_constants_of(self.dtype)
        if derivation is None or self.settled(lane).place is not Place.REGULAR:
            return None
        alone = replace(self.take([lane]), derivation=derivation)
        return alone if alone.settled(0).place in (Place.KINK, Place.SINGULAR) else None

    def without_gradient(self, told: str) -> Trial:
        """Itself, with a problem at each point after the value was there."""
        everywhere = dict.fromkeys(range(len(self.claimed)), told)
        return replace(self, problems={**everywhere, **self.problems})

    def thinned(self, most: int) -> Trial:
        """So many of the points at most, spread evenly over all."""
        lanes = len(self.claimed)
        return self.take(np.linspace(0, lanes - 1, min(lanes, most)).astype(np.int64).tolist())

    @property
    def batch(self) -> Batch:
        """The points, as they are run."""
        return Batch(self.dims, self.dtype.name, self.values, self.origins)

    def is_as_usual(self, columns: slice) -> npt.NDArray[np.bool_]:
        """The points at which the way it is run makes no difference at all: (lanes,)."""
        if self.usual is None:
            return np.zeros(len(self.claimed), dtype=np.bool_)
        mine, theirs = self.claimed[:, columns], self.usual.claimed[:, columns]
        same = ((mine == theirs) | (np.isnan(mine) & np.isnan(theirs))).all(axis=1)
        same[list({*self.problems, *self.usual.problems})] = False
        return np.asarray(same)

    def summed(self, shared: Mapping[str, tuple[int, ...]]) -> Trial:
        """Itself, for inputs whose elements are one in memory along some axes.

        A backward may share the gradient among them as it likes; the sum is that of the tensor
        they all are views of. So what their sum is off by counts, each element's error its share.
        """
        if not shared:
            return self
        claimed = self.claimed.copy(order="K")
        for name in shared.keys() & set(self.derivation.wrt):
            part, shape = self.derivation.columns()[name], self.derivation.shapes[name]
            axes = tuple(axis + 1 for axis in shared[name])
            truth, given = (array[:, part].reshape(-1, *shape) for array in (self.truths, claimed))
            with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
                off = given - truth
                share = np.abs(off) / np.abs(off).sum(axes, keepdims=True)
                counted = np.where(off == 0, 0.0, share * off.sum(axes, keepdims=True))
            known = np.isfinite(off).all(axis=axes, keepdims=True)
            found = np.where(known & (counted != off), truth + counted, given)
            claimed[:, part] = found.reshape(-1, part.stop - part.start)
        return replace(self, claimed=claimed)

    @property
    def every_column(self) -> slice:
        """The value and all gradients."""
        return slice(0, len(self.derivation.joint.outputs))

    @cached_property
    def rows(self) -> Floats:
        """The joint program's inputs."""
        return self.derivation.pack(self.values, self.cotangents)

    @cached_property
    def _enclosed(self) -> Enclosure:
        return self.derivation.enclose(self.rows, self.dtype.precision)

    @property
    def truths(self) -> Floats:
        """The middle of each true number, (lanes, outputs); not finite in doubt."""
        return self._enclosed.middle

    @property
    def unit(self) -> float:
        """The dtype's unit roundoff."""
        return 2.0**-self.dtype.precision

    @cached_property
    def ulps(self) -> Floats:
        """One unit in the last place of each true number."""
        return np.asarray(ulp(self.dtype.name, self.truths), dtype=np.float64)

    @cached_property
    def errors(self) -> Floats:
        """How far each claim is from the truth, all but for the last digits; NaN in doubt."""
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(np.abs(self.claimed - self.truths))

    @property
    def unrefuted(self) -> npt.NDArray[np.bool_]:
        """Numbers that may be what is claimed, as far as shows without care: (lanes, outputs)."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self._enclosed.error >= self.errors)

    @cached_property
    def estimates(self) -> Floats:
        """The errors in ulps as far as shows without care: what cancels has more than it seems."""
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(self.errors / np.maximum(self.ulps, self._enclosed.error))

    @cached_property
    def shares(self) -> tuple[Floats, Floats]:
        """Upper bounds on each error as shares of two bounds; NaN in doubt.

        The first bound is a few ulps. The second is what a sound evaluation may lose, with
        sensitivities that are never too small, but too large where a formula uses an input
        more than once.
        """
        known, step = self._enclosed, self.steps[:, None]
        with np.errstate(invalid="ignore", over="ignore"):
            most = (self.errors + known.error) * (1 + 2.0**-50)
            tight = self.bound(0.0, self.norms, step) + _PLAINLY_CLOSE * self.norms
            loose = self.bound(known.moved, self.norms, step)
            shares = most / np.minimum(tight, loose), most / loose
        for share in shares:
            share[self._infinite_rightly] = 0.0
        return shares

    @property
    def in_roundings(self) -> Floats:
        """Each error in units of what one rounding of all that goes in, and of itself, may make.

        Or, where that is more, of what hardware makes 0 of below the normal range.
        """
        flushed = self.dtype.smallest_normal * self.fed[:, None]
        with np.errstate(invalid="ignore", over="ignore"):
            unit = np.maximum(self._enclosed.moved + self.norms, flushed)
            return np.asarray(self.errors / unit)

    def plainly_sound(self, lanes: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Which numbers at some points are sound for certain, (lanes, outputs).

        By bounds on what a rounding moves them by, which are quickly found: from below, so that
        the error is within; from above, so that there are digits which count.
        """
        chosen = list(lanes)
        error, dtype = self._enclosed.error[chosen], self.dtype
        least = self.derivation.least_sensitivities_of(self.rows[chosen], dtype.precision, error)
        with np.errstate(invalid="ignore", over="ignore"):
            share = self._share_of_sound(chosen, least)
            return np.asarray((share <= 1) & ~self._vague(chosen, self._enclosed.moved[chosen]))

    def exact_shares(self, lanes: Sequence[int]) -> Floats:
        """Each error at some points, (lanes, outputs), as a share of what is sound.

        NaN where sensitivities are not plain, or so large that no digit counts.
        """
        return self._shares_by(list(lanes), self._gaps.sensitive.quick(list(lanes)))

    def swung_shares(self, lanes: Sequence[int]) -> Floats:
        """The same, by what a whole rounding moves numbers, where that is more."""
        return self._shares_by(list(lanes), self._swung(list(lanes)))

    def _swung(self, lanes: list[int]) -> Floats:
        """What a whole rounding of every input moves each number by, (lanes, outputs)."""
        return np.maximum(self._gaps.sensitive.quick(lanes), self._gaps.swung.quick(lanes))

    def _shares_by(self, chosen: list[int], moved: Floats) -> Floats:
        with np.errstate(invalid="ignore", over="ignore"):
            share = self._share_of_sound(chosen, moved)
            return np.where(self._vague(chosen, moved), np.nan, share)

    def _share_of_sound(self, lanes: list[int], moved: Floats) -> Floats:
        """Each error at some points as a share of what is sound, by what a rounding moves it."""
        bound = self.bound(moved, self.norms[lanes], self.steps[lanes, None])
        return np.asarray((self.errors[lanes] + self._enclosed.error[lanes]) / bound)

    def _vague(self, lanes: list[int], moved: Floats) -> npt.NDArray[np.bool_]:
        """Whether roundings may move numbers by all of their digits, where there are any."""
        far = roundings(self.derivation.depth) * moved >= np.abs(self.truths[lanes])
        return np.asarray(far & ~self.vanishing[lanes])

    def overflowing(self, lanes: Sequence[int], columns: slice) -> list[int]:
        """The points at which some of those numbers are off, and plain arithmetic overflows.

        As far as both are certain without care, and tiny inputs have no part in it.
        """
        tiny = self.derivation.tiny(self.rows, self.dtype)
        known = np.asarray(np.isfinite(self.truths).all(axis=1) & ~tiny.any(axis=1))
        known[list(self.problems)] = False
        chosen = np.asarray(lanes, dtype=np.int64)[known[lanes]]
        chosen = chosen[self.derivation.overflowing(self.rows[chosen], self.dtype)]
        if not chosen.size:
            return []
        moved = self._swung(chosen.tolist())
        bound = self.bound(moved, self.norms[chosen], self.steps[chosen, None])
        infinite = np.isinf(self.claimed[chosen])
        fits = np.abs(self.truths[chosen]) + bound < self.dtype.max  # infinite it may not be
        off = (self._shares_by(chosen.tolist(), moved) > 1) & (fits | ~infinite)
        found: list[int] = chosen[off[:, columns].any(axis=1)].tolist()
        return found

    def as_written(self, lanes: Sequence[int], times: float = 1.0) -> npt.NDArray[np.bool_]:
        """Which numbers at some points are off by no more than evaluating as written may lose.

        (lanes, outputs); not those that are 0, which have no digits to lose.
        times: so many times as much, for a formula that is written otherwise.
        """
        chosen = list(lanes)
        lost = self.derivation.losses_of(self.rows[chosen], self.dtype)
        known = self._enclosed
        with np.errstate(invalid="ignore", over="ignore"):
            sound = self.bound(known.moved[chosen], self.norms[chosen], self.steps[chosen, None])
            near = self.errors[chosen] + known.error[chosen] <= times * lost + sound
        return np.asarray(near & ~self.vanishing[chosen])

    def sound_in(self, inner: Format, lanes: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Which numbers at some points, (lanes, outputs), are off by no more than is sound there.

        inner: a format that is narrower than the dtype, for code that rounds in it.
        Not those that are 0, which have no digits to lose.
        """
        chosen, known = list(lanes), self._enclosed
        coarser = 2.0 ** (self.dtype.precision - inner.precision)
        steps = (inner.underflow * self.fed)[chosen, None]
        with np.errstate(invalid="ignore", over="ignore"):
            sound = self.bound(known.moved[chosen] * coarser, self.norms[chosen] * coarser, steps)
            near = self.errors[chosen] + known.error[chosen] <= sound
        return np.asarray(near & ~self.vanishing[chosen])

    @cached_property
    def _infinite_rightly(self) -> npt.NDArray[np.bool_]:
        """Claims of an infinity where the truth is far beyond the dtype's range, on that side."""
        middle, _, error = self._enclosed
        infinite = np.asarray(np.isinf(self.claimed))
        if not infinite.any():
            return infinite
        with np.errstate(invalid="ignore", over="ignore"):
            beyond = (np.abs(middle) - error >= 2 * self.dtype.max) | np.isinf(middle)
            return np.asarray(infinite & beyond & (np.sign(self.claimed) == np.sign(middle)))

    @cached_property
    def norms(self) -> Floats:
        """One unit in the last place of each value, and of the largest element of each gradient.

        The elements of a gradient, and the parts of a complex value, are computed together: what
        is sound is sound normwise (Higham, 7.2), and a small element next to large ones carries
        their rounding.
        """
        found = self.ulps.copy(order="K")
        for part in self.derivation.together:
            if part.stop > part.start + 1:
                found[:, part] = np.fmax.reduce(self.ulps[:, part], axis=1, keepdims=True)
        return found

    @property
    def vanishing(self) -> npt.NDArray[np.bool_]:
        """The numbers that are 0, as far as shows without care."""
        middle, _, error = self._enclosed
        with np.errstate(invalid="ignore"):
            return np.asarray(np.abs(middle) <= error)

    @property
    def largest_value(self) -> float:
        """The largest magnitude that a value has, as far as is known; infinite beyond float64."""
        middle = np.abs(self.truths[:, : self.derivation.values])
        return float(np.nanmax(middle, initial=0.0))

    @cached_property
    def valued_plainly(self) -> npt.NDArray[np.bool_]:
        """The points at which nothing about the value leaves any doubt."""
        plain = np.isfinite(self.truths[:, : self.derivation.values]).all(axis=1)
        return np.asarray(plain)

    def is_plain(self, lane: int, columns: slice) -> bool:
        """Whether all is finite at a point: its truth is known, and it is claimed."""
        known = np.isfinite(self.errors[lane, columns]).all() and self.valued_plainly[lane]
        return bool(known) and lane not in self.problems

    def bound(self, sensitivity: Any, spacing: Any, step: Any) -> Any:
        """What a sound evaluation may lose."""
        return allowed(sensitivity, spacing, self.derivation.depth, step)

    @cached_property
    def steps(self) -> Floats:
        """What underflow may lose, for slopes that are scaled by cotangents."""
        return self.dtype.underflow * self.fed

    @cached_property
    def fed(self) -> Floats:
        """What slopes are multiplied by, all in all, and at least 1.

        Of a derivative as a function that is also what was fed to it, or its tangents.
        """
        directions = [v for k, v in self.values.items() if k == GRAD_OUTPUT or is_tangent(k)]
        fed = np.ones(len(self.claimed))
        for array in (self.cotangents, *directions):
            fed *= np.maximum(np.abs(array).sum(axis=tuple(range(1, array.ndim))), 1.0)
        return fed

    @cached_property
    def judged(self) -> dict[tuple[int, int], Any]:
        """The judgements that were made already, by columns: a search asks twice for each."""
        return {}

    @cached_property
    def leaning(self) -> dict[int, Any]:
        """What is off to one side around a point, by lane; looked for once."""
        return {}

    @cached_property
    def rounded(self) -> dict[int, dict[int, tuple[Floats, npt.NDArray[np.bool_]]]]:
        """Errors that were asked about, and which of them are rounding; by bits, then by lane."""
        return {}

    @cached_property
    def around(self) -> dict[int, Any]:
        """The generalized gradients that were looked for already, by lane."""
        return {}

    @cached_property
    def _settled(self) -> dict[int, Settled]:
        return {}

    def settled(self, lane: int) -> Settled:
        """The point of a lane, settled with care; once."""
        known = self._settled
        if lane not in known:
            known[lane] = self.derivation.settle(self.rows[lane].tolist(), self.dtype)
        return known[lane]

    def truth(self, lane: int, column: int) -> Truth | None:
        """The careful truth of one output at one point; None where there is none."""
        settled = self.settled(lane)
        return (settled.values + settled.gradient)[column]

    @property
    def is_refused(self) -> bool:
        """Whether the forward raised at every point: what it does not take is not judged."""
        return len(self.raised & self.valueless) == len(self.claimed)

    def broken(self, lane: int, columns: slice) -> bool:
        """Whether something went wrong at a point before those columns could be claimed."""
        values_only = columns.stop <= self.derivation.values
        return lane in self.problems and (lane in self.valueless or not values_only)

    @cached_property
    def _ruled(self) -> dict[tuple[int, int], Ruling]:
        return {}

    def ruling(self, lane: int, column: int) -> Ruling:
        """The careful verdict on one number; worked out once."""
        known = self._ruled
        if (lane, column) not in known:
            known[lane, column] = self._ruling(lane, column)
        return known[lane, column]

    def _ruling(self, lane: int, column: int) -> Ruling:
        gap = self.gap(lane, column)
        if self._ungiven(column) and gap.truth != 0:
            return Ruling(Verdict.WRONG, "no gradient where the truth is not 0")
        return rule(gap, self.dtype.max)

    @cached_property
    def _gaps(self) -> Gaps:
        return Gaps(self)

    def gap(self, lane: int, column: int) -> Gap:
        """How far one claim is from the truth, and how far it may be; worked out once."""
        return self._gaps.of(lane, column)

    def tolerated_as_written(self, lane: int, column: int, bound: float) -> float:
        """The error up to which the formula as written may lose digits, sound up to a bound."""
        return self._gaps.tolerated_as_written(lane, column, bound)

    @property
    def gaps(self) -> Mapping[tuple[int, int], Gap]:
        """Those that were worked out already, by lane and column."""
        return self._gaps.known

    def look_at(self, lanes: Sequence[int]) -> None:
        """Works out together what single points are asked for next."""
        self._gaps.sensitive.look_at(lanes)
        if len(lanes) > 1:
            self._gaps.swung.look_at(lanes)

    def is_on_other_branch(self, lane: int, column: int) -> bool:
        """Whether a claim is right on another side of a comparison that rounding leaves open.

        Or between the sides, as a convention at a tie may be.
        """
        return self._gaps.is_on_other_branch(lane, column)

    def allowance(self, lane: int, column: int) -> float:
        """What a sound evaluation may lose of one number, in ulps of its truth."""
        truth = self.truth(lane, column)
        own = self.spacing(float(self.truths[lane, column]) if truth is None else truth.middle)
        spacing = float(np.fmax(self.norms[lane, column], own))
        return self.sound(lane, self._gaps.sensitive.of(lane, column), spacing) / own

    def error_ulp(self, lane: int, column: int) -> float:
        """The error of one claim in units in the last place of its truth."""
        truth = self.truth(lane, column)
        assert truth is not None
        least, _ = truth.distance(float(self.claimed[lane, column]))
        return least / self.spacing(truth.middle)

    def worked_out(self, fault: Fault) -> Fault | None:
        """The fault with its error as it is, not an estimate; None where there is no truth."""
        if fault.nearest is not None:
            return fault
        if self.truth(fault.lane, fault.column) is None:
            return None
        return replace(fault, error_ulp=self.error_ulp(fault.lane, fault.column))

    def spacing(self, value: float) -> float:
        """One unit in the last place of a number, in the dtype; 1 beyond its range."""
        step = float(ulp(self.dtype.name, np.float64(value)))
        return step if np.isfinite(step) and step else 1.0

    def sound(self, lane: int, sensitivity: float, spacing: float) -> float:
        """What a sound evaluation may lose of a number at a point."""
        return float(self.bound(sensitivity, spacing, float(self.steps[lane])))

    def input_of(self, column: int) -> tuple[str, slice]:
        """The input whose gradient a column belongs to, and all columns of that.

        IndexError for a column of the value.
        """
        for name, part in self.derivation.columns().items():
            if part.start <= column < part.stop:
                return name, part
        raise IndexError(column)

    def _ungiven(self, column: int) -> bool:
        of_value = column < self.derivation.values
        return not of_value and self.input_of(column)[0] in self.missing

    def case(self, fault: Fault, numerical: Measured | None = None) -> Case:
        """A fault as a report shows it."""
        claim = float(self.claimed[fault.lane, fault.column])
        if fault.nearest is None:
            gap, truth = self.gap(fault.lane, fault.column), self.truth(fault.lane, fault.column)
            assert truth is not None
            symbolic, error = Measured(gap.truth, float(truth.ball.rad())), gap.least
            bound = gap.allowed if fault.allowed is None else fault.allowed
        else:
            symbolic, error = Measured(fault.nearest), abs(claim - fault.nearest)
            bound = self.sound(fault.lane, 0.0, self.spacing(fault.nearest))
        return Case(
            point={name: nested(array[fault.lane]) for name, array in self.values.items()},
            cotangent=None
            if fault.column < self.derivation.values
            else nested(self.cotangents[fault.lane]),
            index=self.index(fault.column),
            symbolic=symbolic,
            autograd=None if self._ungiven(fault.column) else claim,
            numerical=numerical,
            error_ulp=fault.error_ulp,
            error_abs=error,
            allowed=bound,
            reason=fault.ruling.reason,
            setting=self.setting,
        )

    def unjudged(self, lane: int, reason: str) -> Case:
        """A point at which there is no claim to judge, and why."""
        return unjudged(self.values, self.cotangents, lane, reason, self.setting)

    def index(self, column: int) -> tuple[int, ...]:
        """Which element of the value, or of an input's gradient, a column is."""
        if column < self.derivation.values:
            return _unravel(column, self.derivation.out_shape)
        name, part = self.input_of(column)
        return _unravel(column - part.start, self.derivation.shapes[name])


def unjudged(
    values: Mapping[str, Floats], cotangents: Floats, lane: int, reason: str, setting: str = ""
) -> Case:
    """One of several points, (lanes, *shape) by name, of which no truth is known, and why."""
    return Case(
        point={name: nested(array[lane]) for name, array in values.items()},
        cotangent=nested(cotangents[lane]),
        index=(),
        symbolic=Measured(np.nan, np.inf),
        autograd=None,
        numerical=None,
        error_ulp=np.inf,
        error_abs=np.inf,
        allowed=0.0,
        reason=reason,
        setting=setting,
    )


def _unravel(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(place) for place in np.unravel_index(flat, shape)) if shape else ()
