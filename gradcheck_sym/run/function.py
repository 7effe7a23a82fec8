"""One function under test in one dtype: what torch claims at given points, beside the truths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.ledger import Claims
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.run.judge import Judgement, judge
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.bulk import cotangents
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.sampling.space import Space
from gradcheck_sym.spec.dtypes import Format, format_of
from gradcheck_sym.symbolic.derivation import Derivation

Floats = npt.NDArray[np.float64]
Dims = Mapping[str, int]

# (implementation, values, wrt, cotangents, dtype, mode) -> what torch claims
Claimant = Callable[
    [Implementation, Mapping[str, Floats], tuple[str, ...], Floats, str, str], Claims
]

_SINGLY = 16  # points that are run one by one before batching pays


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
    claimant: Claimant = reverse
    setting: str = ""  # what is special about how it is run, such as "x transposed"
    smooth: bool = False  # only regular points are judged: the value itself is a derivative

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
        claims = self.claimant(
            self.implementation, batch.values, derivation.wrt, fed, self.dtype.name, mode
        )
        return _assembled(self, derivation, batch, fed, claims)

    def judge(self, trial: Trial, columns: slice) -> Judgement:
        """Every number of those columns of a trial of this function against its truth."""
        key = columns.start, columns.stop
        if key not in trial.judged:
            own = any(entry.dtype is not None for entry in self.space.inputs)
            trial.judged[key] = judge(trial, columns, None if own else self._twin)
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
        fixed = {entry.name for entry in self.space.inputs if entry.value is not None}
        values = {}
        for name, array in trial.values.items():
            chosen = array[list(lanes)]
            parts = [chosen * (1.0 if name in fixed else scale) for scale in scales]
            values[name] = round_to(dtype, np.concatenate(parts))
        fed = np.concatenate([round_to(dtype, trial.cotangents[list(lanes)])] * len(scales))
        batch = Batch(trial.dims, dtype, values, ("search",) * len(fed))
        mode = "each" if batch.lanes <= _SINGLY else self.together
        return replace(self, space=replace(self.space, dtype=dtype)).trial(batch, mode, fed)


def _assembled(
    function: Function, derivation: Derivation, batch: Batch, fed: Floats, claims: Claims
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
        function.dtype,
        batch.values,
        fed,
        batch.origins,
        claimed,
        problems,
        claims.valued if value.shape[1:] == derivation.out_shape else frozenset(),
        frozenset(missing),
        function.bounded,
        function.setting,
        function.smooth,
    )
