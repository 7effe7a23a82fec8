"""The whole chain: specs in, results out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from gradcheck_sym.autograd.implementation import ImplementationError
from gradcheck_sym.autograd.state import single_threaded
from gradcheck_sym.run.checks import CHECKS, Check
from gradcheck_sym.run.conclude import blank
from gradcheck_sym.run.options import ON_DEMAND, Options
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.sampling.space import SamplingError
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.records import Skip, Spec
from gradcheck_sym.symbolic.lower import LowerError
from gradcheck_sym.symbolic.program import ProgramError
from gradcheck_sym.verdict.diagnosis import across
from gradcheck_sym.verdict.records import Result, Verdict

DEFAULT_DTYPES = ("float64",)

# What a spec may turn out to be at fault for, once its mathematics is written out.
_SPEC_FAULTS = (ImplementationError, LowerError, ProgramError, SamplingError)


def run(
    specs: Sequence[Spec], options: Options, on_result: Callable[[Result], None]
) -> tuple[Result, ...]:
    """Judges every spec in order; each result is handed on as soon as it is there.

    What a spec or an implementation does wrong is a result of that spec, never an exception.
    """
    results: list[Result] = []
    with single_threaded():
        for spec in specs:
            for result in across(tuple(run_spec(spec, options))):
                results.append(result)
                on_result(result)
            if options.stop_at_first and any(r.outcome in ("failed", "errors") for r in results):
                break
    return tuple(results)


def run_spec(spec: Spec, options: Options) -> Iterator[Result]:
    """The results of one spec: every dtype, every check that applies."""
    first = Subject(spec, format_of("float64"), options)
    for dtype in _dtypes(spec, options):
        yield from _run_dtype(replace(first, dtype=format_of(dtype)))


def _dtypes(spec: Spec, options: Options) -> tuple[str, ...]:
    """The dtypes to check in: an input's own, those asked for, or the default."""
    own = {entry.dtype for entry in spec.inputs if entry.dtype is not None}
    if len(own) == 1:
        return tuple(dtype for dtype in own if options.dtypes is None or dtype in options.dtypes)
    return options.dtypes or DEFAULT_DTYPES


def _selected(spec: Spec, options: Options) -> tuple[str, ...]:
    asked = set(CHECKS) - ON_DEMAND | set(spec.checks) if options.checks is None else options.checks
    if options.checks is None and options.dtypes is not None:
        asked = set(asked) - {"dtypes"}  # they are run in all checks
    return tuple(name for name in CHECKS if name in asked and CHECKS[name].applies(spec))


def _run_dtype(subject: Subject) -> Iterator[Result]:
    for name in _selected(subject.spec, subject.options):
        skipped = subject.spec.checks.get(name)
        if isinstance(skipped, Skip):
            message = f"skipped: {skipped.reason}"
            yield replace(blank(subject, name, None), verdict=Verdict.SKIPPED, message=message)
            continue
        expected = subject.spec.xfail.get(name, "")
        yield from _expecting(expected, list(_run_check(subject, name, CHECKS[name])))


def _expecting(reason: str, results: list[Result]) -> Iterator[Result]:
    """The results of a check of which some must fail, if there is a reason; else as they are."""
    failing = [result for result in results if result.outcome != "passed"]
    for result in results:
        marked = reason and (result in failing or not failing)
        yield replace(result, expected=reason) if marked else result


def _run_check(subject: Subject, name: str, check: Check) -> Iterator[Result]:
    try:
        if name != "steps" and (said := subject.unsound):
            yield _error(subject.spec, subject.dtype.name, name, said)
            return
        yield from check.run(subject)
    except _SPEC_FAULTS as err:
        yield _error(subject.spec, subject.dtype.name, name, str(err))


def _error(spec: Spec, dtype: str, check: str, message: str) -> Result:
    return Result(
        spec.address,
        check,
        None,
        dtype,
        Verdict.ERROR,
        message=message,
        line=spec.position.line,
        column=spec.position.column,
    )
