"""The door for programs: `verify` holds a function against its mathematics, as a spec would.

Everything behind it is what the command line runs: the text of a spec, the reader, the runner
and the reports.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

from gradcheck_sym.commands import values
from gradcheck_sym.commands.point import sizes_of
from gradcheck_sym.errors import SpecError
from gradcheck_sym.report.problems import render as render_problem
from gradcheck_sym.run.options import CHECKS, Options
from gradcheck_sym.spec.dtypes import DTYPES
from gradcheck_sym.spec.records import Nested, Spec
from gradcheck_sym.spec.written import document, input_keys, range_text
from gradcheck_sym.verdict.records import Result

__all__ = ["GradientMismatch", "Report", "verify"]

PATH = "verify"  # stands in reports where a spec's file does
_DEFAULTS = Options()

Implementation = Callable[..., Any] | str | None


@final
@dataclass(frozen=True, slots=True)
class Report:
    """What became of one function: a result for every check, input and dtype."""

    results: tuple[Result, ...]
    seed: int
    strict: bool  # whether warnings fail
    spec: Spec | None = field(default=None, repr=False, compare=False)  # what was judged

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        from gradcheck_sym.report.words import fails

        return not any(fails(result, self.strict) for result in self.results)

    def __str__(self) -> str:
        """The text that the terminal shows."""
        from gradcheck_sym.report.terminal import plain
        from gradcheck_sym.report.text import render
        from gradcheck_sym.report.words import Style

        return plain(render(self.results, Style(self.seed, strict=self.strict)))

    def _repr_html_(self) -> str:
        """What a notebook shows: formula, derivative, verdicts, failures, pictures."""
        from gradcheck_sym.report.html.page import fragment
        from gradcheck_sym.report.words import Style
        from gradcheck_sym.run.portrait import portrait
        from gradcheck_sym.verdict.pictures import Portrait

        known = Portrait() if self.spec is None else portrait(self.spec)
        return fragment(self.results, self.spec, known, Style(self.seed, strict=self.strict))

    def to_json(self) -> str:
        """The report for machines; every float exact."""
        from gradcheck_sym.report import json_report
        from gradcheck_sym.report.words import Style

        return json_report.render(self.results, Style(self.seed, strict=self.strict))


@final
class GradientMismatch(AssertionError):
    """A function is not what its mathematics says; `report` has all that was found."""

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__(str(report))


def verify(
    expr: str,
    implementation: Implementation = None,
    /,
    *,
    inputs: Mapping[str, object] | None = None,
    let: Mapping[str, str] | None = None,
    where: str | Sequence[str] = (),
    dims: Mapping[str, object] | None = None,
    examples: Sequence[Mapping[str, object]] = (),
    name: str = "",
    seed: int = _DEFAULTS.seed,
    points: int = _DEFAULTS.points,
    checks: str | Sequence[str] | None = None,
    dtypes: object = None,
    strict: bool = False,
    point: Mapping[str, object] | None = None,
    cotangent: object = None,
    pictures: bool = False,
    **domains: object,
) -> Report:
    """Holds a function's value and gradients against its mathematics.

    The function is called with one tensor for each input, in the order in which the inputs are
    named. An input is a domain such as "[-20, 20]" (of shape [n]), a mapping with the keys of a
    spec's input (shape, domain, value, dtype, requires_grad), or a number or nested list of them,
    which is then its value at every point and needs no gradient.

    Args:
        expr: the mathematics, in the language of specs.
        implementation: a function, an autograd.Function, an nn.Module, or the text of a call of
            torch's functions; None: the mathematics itself, in torch's functions.
        inputs: further inputs, for names that are also the name of an option; they come first.
        let: intermediate values by name, in order.
        where: conditions between inputs that every point fulfils.
        dims: the range of symbolic sizes: 3, "1..8" or (1, 8); 1 to 4 where not given.
        examples: points to check always: {"point": {...}, "value": ..., "grad": {...}}.
        name: what reports call it; the function's own name where not given.
        seed: of every random choice.
        points: so many in bulk for each dtype.
        checks: only these, as "forward,reverse" or a list.
        dtypes: only these, as names or torch's own.
        strict: warnings fail, too.
        point: the only point to judge: input name -> number or nested list.
        cotangent: what is fed to backward at that point.
        pictures: keep the errors over the inputs, which notebooks show as pictures.
        **domains: the inputs by name.

    Returns:
        the report, of which nothing failed.

    Raises:
        GradientMismatch: a check failed; its text is the terminal's.
        SpecError: a mistake in the mathematics, a domain or an option; nothing was run.
        TypeError: a value that is none of these.
    """
    __tracebackhide__ = True  # pytest shows the caller's line, not this function
    given = {**(inputs or {}), **domains}
    keys = _keys(expr, implementation, given, name or _name(implementation))
    keys |= {"let": dict(let or {}), "where": _listed(where), "examples": list(examples)}
    keys["dims"] = {dim: range_text(size) for dim, size in (dims or {}).items()}
    try:
        spec = _read(document({key: value for key, value in keys.items() if value}))
        options = Options(
            seed=seed,
            points=points,
            checks=_several("checks", checks, CHECKS),
            dtypes=_several("dtypes", dtypes, DTYPES),
            strict=strict,
            outlines=pictures,
            implementations=_own(spec, implementation),
            **_pinned(spec, point, cotangent),
        )
    except SpecError as error:
        for problem in error.problems:
            error.add_note(render_problem(problem))
        raise
    report = _judged(spec, options, _call(expr, implementation, given))
    if not report.passed:
        raise GradientMismatch(report)
    return report


def _judged(spec: Spec, options: Options, call: str) -> Report:
    from gradcheck_sym.run import runner

    results = runner.run([spec], options, lambda result: None)
    told = [
        result if result.outcome == "passed" else replace(result, reproduce=_again(call, result))
        for result in results
    ]
    return Report(tuple(told), options.seed, options.strict, spec)


# ---- arguments


def _keys(
    expr: str, implementation: object, given: Mapping[str, object], name: str
) -> dict[str, object]:
    """The keys of the spec that every call has."""
    keys: dict[str, object] = {"name": name}
    keys["inputs"] = {key: input_keys(key, value) for key, value in given.items()} or None
    keys["expr"] = expr
    if isinstance(implementation, str):
        keys["torch"] = implementation
    elif implementation is not None:
        if not callable(implementation):
            kind = type(implementation).__name__
            raise TypeError(f"the implementation is a function or a text; got a {kind}")
        own = _unused("implementation", given)
        keys["use"] = {own: f"{PATH}:implementation"}
        keys["torch"] = f"{own}({', '.join(given)})"
    return keys


def _unused(name: str, taken: Mapping[str, object]) -> str:
    while name in taken:
        name += "_"
    return name


def _own(spec: Spec, implementation: Implementation) -> Mapping[str, Callable[..., Any]]:
    if implementation is None or isinstance(implementation, str):
        return {}
    return {name: implementation for name, _ in spec.use}


def _name(implementation: Implementation) -> str:
    """What the function is called; "function" where it has no name."""
    if isinstance(implementation, str) or implementation is None:
        return "function"
    found = getattr(implementation, "__name__", type(implementation).__name__)
    owner = getattr(implementation, "__self__", None)
    if found == "apply" and isinstance(owner, type):  # of an autograd.Function
        found = owner.__name__
    return found if found.isidentifier() else "function"


def _listed(texts: str | Sequence[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


def _several(option: str, chosen: object, known: Sequence[str]) -> tuple[str, ...] | None:
    """Names out of a list, given as a text, as a list, or as one of torch's dtypes."""
    if chosen is None:
        return None
    listed = list(chosen) if isinstance(chosen, list | tuple | set) else [chosen]
    text = ",".join(str(each).removeprefix("torch.") for each in listed)
    return values.several(option, known)(text)


def _pinned(spec: Spec, point: Mapping[str, object] | None, cotangent: object) -> dict[str, Any]:
    """The options of one point alone."""
    if point is None:
        return {}
    chosen = {name: _nested(value) for name, value in point.items()}
    fed = None if cotangent is None else _nested(cotangent)
    return {"point": chosen, "cotangent": fed, "dims": sizes_of([spec], chosen, {})}


def _nested(value: Any) -> Nested:
    plain = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(plain, list | tuple):
        return tuple(map(_nested, plain))
    return float(plain)


def _read(text: str) -> Spec:
    from gradcheck_sym.spec.reader import read_source
    from gradcheck_sym.spec.yaml_nodes import Source

    specs, problems = read_source(Source(PATH, text))
    if problems:
        raise SpecError(problems)
    return specs[0]


# ---- the call that shows a failure again


def _call(expr: str, implementation: Implementation, given: Mapping[str, object]) -> str:
    words = [repr(expr)]
    if implementation is not None:
        words.append(
            repr(implementation) if isinstance(implementation, str) else _name(implementation)
        )
    words += [f"{name}={_shown(value)}" for name, value in given.items()]
    return ", ".join(words)


def _shown(value: object) -> str:
    """A value as Python reads it; arrays as lists, infinities as floats."""
    plain = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(plain, Mapping):
        return f"{{{', '.join(f'{key!r}: {_shown(part)}' for key, part in plain.items())}}}"
    if isinstance(plain, list | tuple):
        return f"[{', '.join(map(_shown, plain))}]"
    if isinstance(plain, float) and not math.isfinite(plain):
        return f"float('{plain}')"
    return repr(plain)


def _again(call: str, result: Result) -> str:
    """The call of verify that judges the failing point alone."""
    words = [call, f"checks={result.check!r}"]
    words += [f"dtypes={result.dtype!r}"] if result.dtype in DTYPES else []
    case = result.smallest or result.worst
    if case is not None and case.point:
        words.append(f"point={_shown(case.point)}")
        words += [] if case.cotangent is None else [f"cotangent={_shown(case.cotangent)}"]
    return f"gradcheck_sym.verify({', '.join(words)})"
