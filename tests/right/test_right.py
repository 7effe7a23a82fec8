"""The bank of right but tricky implementations: none is called wrong.

Where the notes of a spec say that it loses digits, `inaccurate` may come out; mpmath then confirms
that the digits are gone.
"""

from __future__ import annotations

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
from gradcheck_sym.verdict.records import Case, Result, Verdict

HERE = Path(__file__).parent
PACKAGE = "right_backwards"
LOSES = "loses digits"
DIGITS = 600  # of mpmath: differences of a hundredth of them must still resolve 1e-300

SPECS = reader.read([str(HERE / "specs")])

# The checks whose numbers mpmath has the mathematics of.
CONFIRMED = ("forward", "reverse")

Numbers = Sequence[mpf]


def _variance(x: Numbers) -> list[mpf]:
    mean = mpmath.fsum(x) / len(x)
    return [mpmath.fsum((v - mean) ** 2 for v in x) / len(x)]


def _inverse(m: Numbers) -> list[mpf]:
    a, b, c, d = m
    det = a * d - b * c
    return [d / det, -b / det, -c / det, a / det]


def _cross_entropy(v: Numbers) -> list[mpf]:
    x, t = (v[0:2], v[2:4]), (v[4:6], v[6:8])
    sums = [mp.log(mpmath.fsum(map(mp.exp, row))) for row in x]
    lost = [
        w * (s - a)
        for row, ws, s in zip(x, t, sums, strict=True)
        for a, w in zip(row, ws, strict=True)
    ]
    return [mpmath.fsum(lost) / 2]


def _rms_norm(x: Numbers) -> list[mpf]:
    mean = mpmath.fsum(v * v for v in x) / len(x)
    return [v / mp.sqrt(mean + mpf(1) / 100) for v in x]


def _layer_norm(x: Numbers) -> list[mpf]:
    mean, (variance,) = mpmath.fsum(x) / len(x), _variance(x)
    return [(v - mean) / mp.sqrt(variance + mpf(1) / 100) for v in x]


# The mathematics of the specs that lose digits: all inputs' elements in a row -> the value's.
MATHEMATICS: Mapping[str, Callable[[Numbers], list[mpf]]] = {
    "circular_convolution": lambda v: [v[0] * v[2] + v[1] * v[3], v[0] * v[3] + v[1] * v[2]],
    "expanded_power": lambda x: [(v - 1) ** 3 for v in x],
    "frees_its_intermediate": _rms_norm,
    "fused_cross_entropy": _cross_entropy,
    "fused_layer_norm": _layer_norm,
    "inverse_of_matrix": _inverse,
    "saved_logsumexp": lambda x: [mp.log(mpmath.fsum(mp.exp(v) for v in x))],
    "sigmoid_of_output": lambda x: [1 / (1 + mp.exp(-v)) for v in x],
    "steep_step": lambda x: [1 / (1 + mp.exp(-50 * v)) for v in x],
    "tanh_of_output": lambda x: [mp.tanh(v) for v in x],
    "variance_of_moments": _variance,
}


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_is_not_called_wrong(spec: Spec) -> None:
    """Every result passes, or warns: where digits are lost, and of a backward for one use only.

    A loss of digits in value or gradient is one that the notes tell of, and mpmath confirms it.
    """
    for result in run([spec], Options(allow_import=(PACKAGE,)), lambda result: None):
        if result.verdict is Verdict.INACCURATE and result.check in CONFIRMED:
            assert spec.notes == LOSES, result
            confirm(spec, result)
        elif result.verdict is Verdict.UNDECIDED:
            assert result.check == "second_order", result
            assert "not differentiable twice" in result.message, result
        else:
            assert result.outcome in ("passed", "warned"), result


def confirm(spec: Spec, result: Result) -> None:
    """The claim is far from what mpmath finds, and the truth is not."""
    case = result.worst
    assert case is not None
    assert case.autograd is not None
    truth = true_number(spec, case, result.input)
    step = np.spacing(abs(float(truth)))
    assert abs(truth - mpf(case.symbolic.value)) <= step
    assert abs(truth - mpf(case.autograd)) > 8 * step


def true_number(spec: Spec, case: Case, name: str | None) -> mpf:
    """The element of the value, or of an input's gradient, that a case is about."""
    mathematics = MATHEMATICS[spec.name]
    arrays = {key: np.asarray(value, dtype=float) for key, value in case.point.items()}
    flat = [mpf(v) for array in arrays.values() for v in array.ravel()]
    with mp.workdps(DIGITS):
        if name is None:
            value = mathematics(flat)
            return value[_flat(case.index, arrays[next(iter(arrays))].shape, len(value))]
        place = _flat(case.index, arrays[name].shape, arrays[name].size)
        for other in arrays:
            if other == name:
                break
            place += arrays[other].size
        fed = [mpf(c) for c in np.ravel(np.asarray(case.cotangent, dtype=float))]
        return mp.diff(lambda t: _weighted(mathematics, fed, flat, place, t), flat[place])


def _weighted(mathematics: Any, fed: Numbers, flat: Numbers, place: int, t: mpf) -> mpf:
    moved = [*flat[:place], t, *flat[place + 1 :]]
    return mpmath.fsum(c * v for c, v in zip(fed, mathematics(moved), strict=True))


def _flat(index: tuple[int, ...], shape: tuple[int, ...], size: int) -> int:
    return 0 if size == 1 else int(np.ravel_multi_index(index, shape))


def test_the_bank_is_a_bank() -> None:
    """Names are unique, and mpmath's own mathematics stands ready for all that lose digits."""
    names = [spec.name for spec in SPECS]
    assert len(set(names)) == len(names)
    assert {spec.name for spec in SPECS if spec.notes == LOSES} == set(MATHEMATICS)


def test_families_are_those_of_the_faults() -> None:
    """So that a benchmark can set false alarms beside faults of the same kind."""
    faults = reader.read([str(HERE.parent / "wrong" / "specs")])
    assert all(len(spec.tags) == 1 for spec in SPECS)
    assert {tag for spec in SPECS for tag in spec.tags} <= {tag for f in faults for tag in f.tags}
