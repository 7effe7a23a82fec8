"""steps: autograd's mechanics, predicted step by step and compared with torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradcheck_sym.run.conclude import blank
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.verdict.mechanics import compare
from gradcheck_sym.verdict.records import Result, Verdict


def steps(subject: Subject) -> Iterator[Result]:
    """One result: the first step after which prediction, torch and author are not at one."""
    from gradcheck_sym.autograd.programs import execute
    from gradcheck_sym.symbolic.mechanics import predict

    base = blank(subject, "steps", None)
    spec, dtype = subject.spec, subject.dtype.name
    comparison = compare(predict(spec, dtype), execute(spec, dtype), dtype)
    dropped = {Verdict.UNDECIDED.value: comparison.undecided} if comparison.undecided else {}
    base = replace(base, points=comparison.decided, dropped=dropped, verdict=comparison.verdict)
    if not comparison.divergences:
        yield base
        return
    first = comparison.divergences[0]
    yield replace(
        base,
        culprit=first.culprit,
        message=f"{first.position}: {first.message}",
        line=first.position.line,
        column=first.position.column,
    )
