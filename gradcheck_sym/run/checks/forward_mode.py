"""forward_mode: Jacobian-vector products by dual numbers against the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from gradcheck_sym.autograd.support import Feature
from gradcheck_sym.autograd.transforms import tangent_of
from gradcheck_sym.run.conclude import conclude_each
from gradcheck_sym.run.derived import at_sizes, tangent_at
from gradcheck_sym.run.elsewhere import at_middle, elsewhere, wrong_in_other_dtypes
from gradcheck_sym.run.evidence import Evidence
from gradcheck_sym.run.function import Dims, Function
from gradcheck_sym.run.sample import Sample, aimed, exampled, sampled, spread
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.run.suspects import tangent_suspected
from gradcheck_sym.sampling.points import Batch
from gradcheck_sym.spec.checks import tangent_name
from gradcheck_sym.verdict.records import Result

_SAMPLE = Sample(edges=48, bulk=48)
_MANY = 128
_FEW = 6  # points at which only one input is given a tangent
_EXCUSES = frozenset({Feature.FORWARD_MODE, Feature.DERIVATIVE, Feature.OTHER})


def forward_mode(subject: Subject) -> Iterator[Result]:
    """One result: the value is J v, for tangents v of all inputs with a gradient, and of each."""
    tangent = _tangent(subject)
    together = sampled(subject, tangent(subject.middle), _SAMPLE)
    evidence = [
        *exampled(subject, tangent),
        *spread(subject, tangent, _MANY),
        *aimed(subject, tangent, subject.function_at, subject.probed),
        *together,
        *_alone(subject, together[-1]),
        *elsewhere(subject, tangent, tangent_suspected),
    ]
    yield from _judged(subject, evidence)
    yield from wrong_in_other_dtypes(subject, at_middle(_tangent), _judged)


def _tangent(subject: Subject) -> Callable[[Dims], Function]:
    return at_sizes(tangent_at, subject.function_at)


def _judged(subject: Subject, evidence: Sequence[Evidence]) -> Iterator[Result]:
    return conclude_each(subject, "forward_mode", [None], evidence, _EXCUSES, "the jvp")


def _alone(subject: Subject, together: Evidence) -> Iterator[Evidence]:
    """A few points again, with a tangent of one input; the others are no dual numbers at all."""
    few = range(min(_FEW, len(together.trial.claimed)))
    for name in subject.graded if len(subject.graded) > 1 else ():
        values = {k: array[few] for k, array in together.trial.values.items()}
        none = {tangent_name(k): 0 * values[tangent_name(k)] for k in subject.graded if k != name}
        function = replace(
            together.function,
            implementation=tangent_of(subject.implementation, (name,)),
            setting=f"only {name} has a tangent",
        )
        trial = together.trial
        batch = Batch(trial.dims, trial.dtype.name, values | none, trial.origins[: len(few)])
        yield Evidence(function, function.trial(batch, "each", trial.cotangents[few]))
