"""The whole chain: specs in, results out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from gradcheck_sym.autograd.compiler import uncompiled
from gradcheck_sym.autograd.implementation import ImplementationError, told
from gradcheck_sym.autograd.state import left_alone, single_threaded, unwarned
from gradcheck_sym.run import memory
from gradcheck_sym.run.accepted import accepted
from gradcheck_sym.run.checks import CHECKS
from gradcheck_sym.run.choice import checks_of, dtypes_of
from gradcheck_sym.run.conclude import blank
from gradcheck_sym.run.failures import failure
from gradcheck_sym.run.messages import OnCheck
from gradcheck_sym.run.options import Options
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.sampling.space import SamplingError
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.records import Skip, Spec
from gradcheck_sym.symbolic.known import remembering
from gradcheck_sym.symbolic.lower import LowerError
from gradcheck_sym.symbolic.program import ProgramError
from gradcheck_sym.verdict.diagnosis import across
from gradcheck_sym.verdict.records import Result, Verdict

# What a spec may turn out to be at fault for, once its mathematics is written out.
_SPEC_FAULTS = (ImplementationError, LowerError, ProgramError, SamplingError)


def run(
    specs: Sequence[Spec], options: Options, on_result: Callable[[Result], None]
) -> tuple[Result, ...]:
    """Judges every spec in order, in this process; each result is handed on with its spec's others.

    What a spec or an implementation does wrong is a result of that spec, never an exception.
    """
    results: list[Result] = []
    with remembering(options.memory):
        for spec in specs:
            found = judged(spec, options)
            results += found
            for result in found:
                on_result(result)
            if options.stop_at_first and any(r.outcome in ("failed", "errors") for r in found):
                break
    return tuple(results)


def judged(spec: Spec, options: Options) -> tuple[Result, ...]:
    """The results of one spec, with what only all of them together show."""
    return across(tuple(run_spec(spec, options)))


def run_spec(spec: Spec, options: Options, begin: OnCheck = lambda *_: None) -> Iterator[Result]:
    """The results of one spec: every dtype, every check that applies.

    `begin` is told of each check before it is carried out.
    """
    with single_threaded(), uncompiled(), unwarned():
        for subject in subjects(spec, options):
            judged_in = subject
            for check in checks_of(spec, options):
                begin(check, judged_in.dtype.name)
                judged_in, results = _run_accepted(judged_in, check)
                yield from results
    memory.give_back()


def subjects(spec: Spec, options: Options) -> tuple[Subject, ...]:
    """The spec in each of its dtypes; what is derived for one serves the others."""
    first = Subject(spec, format_of("float64"), options)
    return tuple(replace(first, dtype=format_of(name)) for name in dtypes_of(spec, options))


def run_check(subject: Subject, name: str) -> Iterator[Result]:
    """The results of one check in one dtype, with what the author says of it.

    Afterwards torch's global state is what it was before.
    """
    said = subject.spec.checks.get(name)
    if isinstance(said, Skip):
        message = f"skipped: {said.reason}"
        yield replace(blank(subject, name, None), verdict=Verdict.SKIPPED, message=message)
        return
    with left_alone():
        results = list(_guarded(subject, name))
    yield from _expecting(subject.spec.xfail.get(name, ""), results)


def _run_accepted(subject: Subject, check: str) -> tuple[Subject, list[Result]]:
    """The results of a check, and in which dtype; of code that refuses this one, in another.

    Only afterwards it is asked which it takes: calls that nobody judges may be the only ones that
    are wrong.
    """
    results = list(run_check(subject, check))
    refused = any(result.verdict is Verdict.ERROR for result in results)
    if refused or not any(result.points for result in results):
        other = accepted(subject)
        if other.dtype != subject.dtype:
            return other, list(run_check(other, check))
    return subject, results


def run_one(prepared: Sequence[Subject], check: str) -> tuple[Result, ...]:
    """The results of one check in all dtypes, for whoever judges a spec check by check."""
    folder = prepared[0].options.memory if prepared else None
    with single_threaded(), uncompiled(), unwarned(), remembering(folder):
        return tuple(result for subject in prepared for result in _run_accepted(subject, check)[1])


def _expecting(reason: str, results: list[Result]) -> Iterator[Result]:
    """The results of a check of which some must fail, if there is a reason; else as they are."""
    failing = [result for result in results if result.outcome != "passed"]
    for result in results:
        marked = reason and (result in failing or not failing)
        yield replace(result, expected=reason) if marked else result


def _guarded(subject: Subject, name: str) -> Iterator[Result]:
    spec, dtype = subject.spec, subject.dtype.name
    try:
        if name != "steps" and (said := subject.unsound):
            yield failure(spec, name, dtype, said)
            return
        yield from CHECKS[name](subject)
    except _SPEC_FAULTS as error:
        yield failure(spec, name, dtype, str(error))
    except Exception as error:
        if not (spec.use or isinstance(error, MemoryError)):
            raise  # a mistake of ours
        # Whose fault it is cannot be told where somebody else's code takes part.
        yield failure(spec, name, dtype, f"judging it raised {told(error)}")
