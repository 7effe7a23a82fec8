"""The derivation of one spec, as a teacher would write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from gradcheck_sym.autograd.implementation import RAISED, told
from gradcheck_sym.run.choice import dtypes_of
from gradcheck_sym.run.lessons.function import (
    Derivation,
    the_chain_rule,
    the_function,
    the_stages,
)
from gradcheck_sym.run.lessons.numbers import put_in, run_by_autograd
from gradcheck_sym.run.lessons.point import chosen
from gradcheck_sym.run.lessons.steps import step_by_step
from gradcheck_sym.run.lessons.words import prose
from gradcheck_sym.run.options import Options
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.sampling.space import SamplingError
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.symbolic.lower import LowerError
from gradcheck_sym.symbolic.mechanics import StepsError
from gradcheck_sym.symbolic.program import ProgramError
from gradcheck_sym.verdict.lesson import Lesson, Part

__all__ = ["LessonError", "lesson"]


@final
class LessonError(ValueError):
    """The mathematics of a spec cannot be written out; says why."""


def lesson(spec: Spec, options: Options) -> Lesson:
    """What there is to say about a spec; LessonError where its mathematics makes no sense."""
    dtype = next(iter(dtypes_of(spec, options)), "float64")
    try:
        parts = tuple(_parts(spec, dtype, options))
    except (LowerError, ProgramError, SamplingError, StepsError) as err:
        raise LessonError(str(err)) from err
    return Lesson(spec.title or spec.name, spec.address, spec.notes, parts)


def _parts(spec: Spec, dtype: str, options: Options) -> Iterator[Part]:
    if spec.expr is not None:
        yield from _of_function(Derivation(Subject(spec, format_of(dtype), options)))
    if spec.steps:
        yield from step_by_step(spec, dtype)


def _of_function(work: Derivation) -> Iterator[Part]:
    yield the_function(work)
    if len(work.stages) > 1 and work.links:
        yield the_stages(work)
    yield the_chain_rule(work)
    point = chosen(work.subject, work.dims)
    yield put_in(work, point)
    try:
        yield from tuple(run_by_autograd(work, point))
    except RAISED as err:  # an implementation may raise anything
        yield Part("What autograd does", (prose(f"The implementation raises {told(err)}"),))
