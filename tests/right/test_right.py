"""The bank of right but tricky implementations: none is called wrong.

Where the notes of a spec say that it loses digits, `inaccurate` may come out; mpmath then confirms
that the digits are gone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

from gradcheck_sym.run.options import Options
from gradcheck_sym.run.runner import run
from gradcheck_sym.spec import reader
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.symbolic.derivation import derive
from gradcheck_sym.symbolic.program import Instruction, Program
from gradcheck_sym.verdict.records import Case, Result, Verdict

# What these take is the checks' own work; other tests cover it, and being watched costs half again.
pytestmark = pytest.mark.no_cover

HERE = Path(__file__).parent
PACKAGE = "right_backwards"
LOSES = "loses digits"
DIGITS = 700  # of mpmath: differences of a hundredth of them must still resolve 1e-300

SPECS = reader.read([str(HERE / "specs")])

# The checks whose numbers mpmath has the mathematics of.
CONFIRMED = ("forward", "reverse")

# A backward for one use, and a second derivative that is off where an operation has a kink.
UNPROMISED = ("not differentiable twice", "at single points only")

# What explains a claim that is no finite number.
BEYOND = (
    "is beyond the dtype's range",
    "underflow in the formula as written",
    "loses all of its digits in the formula as written",
    "below the normal range",
    "ends with the range of that",
)

Numbers = Sequence[mpf]


# Those of single draws, which hang on the last digits of a machine's kernels: they may be raised.
DRAWN = {
    (2, "gumbel_hard"): "rounding in the softmax decides which element is the largest",
}


def cases() -> list[Any]:
    """Every spec of the bank."""
    return [pytest.param(spec, id=spec.name) for spec in SPECS]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))


@pytest.mark.parametrize("spec", cases())
def test_is_not_called_wrong(spec: Spec) -> None:
    """As users run it, every result passes, or warns: of lost digits, of a backward for one use.

    A loss of digits in value or gradient is one that the notes tell of, and mpmath confirms it.
    """
    for result in run([spec], Options(allow_import=(PACKAGE,)), lambda result: None):
        if result.verdict is Verdict.INACCURATE and result.check in CONFIRMED:
            assert spec.notes == LOSES, result
            confirm(spec, result)
        elif result.verdict is Verdict.UNDECIDED:
            assert result.check == "second_order", result
            assert any(words in result.message for words in UNPROMISED), result
        else:
            assert result.outcome in ("passed", "warned"), result


@pytest.mark.soak
@pytest.mark.parametrize("spec", cases())
@pytest.mark.parametrize("seed", [1, 2])
def test_is_not_called_wrong_at_other_seeds(
    spec: Spec, seed: int, request: pytest.FixtureRequest
) -> None:
    """Nor is it whatever is drawn."""
    if alarm := DRAWN.get((seed, spec.name)):
        request.applymarker(pytest.mark.xfail(reason=alarm, strict=False))
    options = Options(seed=seed, allow_import=(PACKAGE,))
    for result in run([spec], options, lambda result: None):
        assert result.outcome in ("passed", "warned"), result


def confirm(spec: Spec, result: Result) -> None:
    """The claim is far from what mpmath finds, and the truth is not."""
    case = result.worst
    assert case is not None
    assert case.autograd is not None
    if not np.isfinite(case.autograd):
        assert any(words in case.reason for words in BEYOND)
        return
    truth = true_number(spec, case, result.input)
    step = np.spacing(abs(float(truth)))
    assert abs(truth - mpf(case.symbolic.value)) <= step
    assert abs(truth - mpf(case.autograd)) > 8 * step


def true_number(spec: Spec, case: Case, name: str | None) -> mpf:
    """The element of the value, or of an input's gradient, that a case is about."""
    arrays = {key: np.asarray(value, dtype=float) for key, value in case.point.items()}
    derivation = derive(spec, sizes(spec, arrays))
    program = derivation.forward
    flat = [mpf(v) for entry in spec.inputs for v in arrays[entry.name].ravel()]
    with mp.workdps(DIGITS):
        here = _run(program, flat)
        if name is None:
            return here[program.outputs[_place(case.index, derivation.out_shape)]]
        before = [entry.name for entry in spec.inputs].index(name)
        place = sum(arrays[entry.name].size for entry in spec.inputs[:before])
        place += _place(case.index, arrays[name].shape)
        fed = [mpf(c) for c in np.ravel(np.asarray(case.cotangent, dtype=float))]

        def along(t: mpf) -> mpf:
            found = _run(program, [*flat[:place], t, *flat[place + 1 :]], here)
            values = [found[at] for at in program.outputs]
            return mpmath.fsum(c * v for c, v in zip(fed, values, strict=True))

        return mp.diff(along, flat[place])


def sizes(spec: Spec, arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    """The sizes that a point has; of complex inputs the parts are another axis."""
    shapes = ((entry.shape, arrays[entry.name].shape) for entry in spec.inputs)
    pairs = (pair for shape in shapes for pair in zip(*shape, strict=False))
    return {size: actual for size, actual in pairs if isinstance(size, str)}


def _place(index: tuple[int, ...], shape: tuple[int, ...]) -> int:
    return int(np.ravel_multi_index(index, shape)) if index else 0


# --- mpmath's own evaluation of a program -------------------------------------------------

_PRIMITIVES: Mapping[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "neg": operator.neg,
    "abs": abs,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
    "and": lambda *given: all(given),
    "or": lambda *given: any(given),
    "not": operator.not_,
    "select": lambda condition, a, b: a if condition else b,
    "max": max,
    "min": min,
    "lgamma": lambda x: mp.log(abs(mp.gamma(x))),
    "digamma": mp.digamma,
    "detach": lambda x: x,
}


def _run(program: Program, flat: Numbers, constant: Sequence[Any] = ()) -> list[Any]:
    """What each instruction gives at a point, given as all inputs' elements in a row.

    constant: the same of a point at which everything is, for the sake of differentiation, that is
    detached.
    """
    given = dict(zip(program.inputs, flat, strict=True))
    found: list[Any] = []
    for place, step in enumerate(program.code):
        args = [found[arg] for arg in step.args]
        pinned = step.op == "detach" and constant
        found.append(constant[place] if pinned else _number(step, args, given))
    return found


def _number(step: Instruction, args: list[Any], given: Mapping[str, mpf]) -> Any:
    match step.op:
        case "input":
            return given[str(step.data)]
        case "const":
            return mpf(step.data.numerator) / step.data.denominator  # type: ignore[union-attr]
        case "pi" | "e":
            return +getattr(mp, step.op)
    if step.op in _PRIMITIVES:
        return _PRIMITIVES[step.op](*args)
    return getattr(mp, step.op)(*args)


def test_mpmath_evaluates_the_programs() -> None:
    """On a formula whose value is known."""
    spec = next(spec for spec in SPECS if spec.name == "heron")
    program = derive(spec, {"n": 1}).forward
    with mp.workdps(30):
        area = _run(program, [mpf(5) / 4, mpf(3) / 2])[program.outputs[0]]
        assert area == pytest.approx(0.75)


# --- the bank itself ----------------------------------------------------------------------


def test_the_bank_is_a_bank() -> None:
    """Names are unique, and all that is used is of the bank's own package."""
    names = [spec.name for spec in SPECS]
    assert len(set(names)) == len(names)
    assert {spec.notes for spec in SPECS} <= {LOSES, ""}
    assert all(target.startswith(f"{PACKAGE}.") for spec in SPECS for _, target in spec.use)


def test_families_are_those_of_the_faults() -> None:
    """So that a benchmark can set false alarms beside faults of the same kind."""
    faults = reader.read([str(HERE.parent / "wrong" / "specs")])
    assert all(len(spec.tags) == 1 for spec in SPECS)
    assert {tag for spec in SPECS for tag in spec.tags} <= {tag for f in faults for tag in f.tags}
