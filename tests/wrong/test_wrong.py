"""The bank of wrong implementations: each is found out, and the right culprit named.

What a spec's notes say is what must come out: `check: culprit`, for each check that must fail.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradcheck_sym.run.options import Options
from gradcheck_sym.run.runner import run
from gradcheck_sym.spec import reader
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.verdict.records import Result, Verdict

# What these take is the checks' own work; other tests cover it, and being watched costs half again.
pytestmark = pytest.mark.no_cover

HERE = Path(__file__).parent
PACKAGE = "wrong_backwards"
FAILING = ("failed", "errors")

SPECS = reader.read([str(HERE / "specs")])

# What a spec of the bank may be about: one of these is its tag, so that faults can be counted.
FAMILIES = frozenset(
    """
    accuracy branches broadcasting complex dtypes formula forward_mode graph indexing kinks layouts
    purity second_order singular sizes subsets thresholds value vmap
    """.split()
)

# Why faults slip through, and which.
_SLIPS = {
    "told: what a forward made and saved is a constant to a second backward": """
        saves_its_scale saves_its_slope
    """,
    "told: the gradient has no graph, and whoever differentiates it again gets an exception": """
        backward_without_grad
    """,
    "told as inaccurate: single precision inside loses digits": "single_in_double",
    "told as inaccurate: the formula as written overflows as well": "rms_of_squares",
    "told as inaccurate: within 15 times what other roundings move it by": "saturated_gates",
}
MISSED = {name: reason for reason, names in _SLIPS.items() for name in names.split()}


def cases() -> list[Any]:
    """Every spec of the bank; those that are known to slip through must go on doing so."""
    return [pytest.param(spec, id=spec.name, marks=marks(spec)) for spec in SPECS]


def marks(spec: Spec) -> list[pytest.MarkDecorator]:
    """What pytest must know of a spec: that it takes long, that it is known to slip through."""
    reason = MISSED.get(spec.name)
    missed = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
    return [pytest.mark.slow, *missed] if "slow" in spec.tags else missed


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))


def results(spec: Spec) -> tuple[Result, ...]:
    """What the checks that must fail say of one spec."""
    options = Options(allow_import=(PACKAGE,), checks=tuple(expected(spec)))
    return run([spec], options, lambda result: None)


def expected(spec: Spec) -> dict[str, str]:
    """The checks that must fail, and whom they must name."""
    return dict(part.split(": ") for part in spec.notes.split("; "))


@pytest.mark.parametrize("spec", cases())
def test_is_found_out(spec: Spec) -> None:
    """The checks that the spec names fail and name the culprit; nobody else is accused."""
    found = results(spec)
    accused = [(r.check, r.culprit) for r in found if r.outcome in FAILING]
    assert set(expected(spec).items()) <= set(accused)
    blamed = {r.culprit for r in found if r.verdict in (Verdict.UNDECIDED, Verdict.WRONG)}
    either = {"the backward"} if "dtypes" in expected(spec) else set()  # overflow shows in both
    assert blamed <= {*expected(spec).values(), "", *either}


@pytest.mark.parametrize(
    "name, words",
    [
        ("counts_its_calls", "right when the same points are run once more"),
        ("staging_runs_out", "right when the same points are run once more"),
        ("offset_forgotten", "right when the point is alone in memory"),
        ("stale_cache", "the first call of these sizes: a stale buffer"),
        ("minimum_drops_ties", "zero only where x and y are equal"),
        ("negative_zero", "wrong only where x is -0"),
        ("relu6_like_relu", "as if the slope were 1 (straight through) at all"),
        ("forward_wrong_backward_right", "the error grows with |x|, from nothing at 0, as |x|**7"),
        ("rule_without_graph", "zero at all 14 failing points, only with"),
    ],
)
def test_what_is_said_is_what_was_done(
    name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first failure that has a diagnosis names the mistake that the implementation has.

    What some implementations count begins anew, whatever was run in this process before.
    """
    for module in [each for each in sys.modules if each.partition(".")[0] == PACKAGE]:
        monkeypatch.delitem(sys.modules, module)
    spec = next(spec for spec in SPECS if spec.name == name)
    told = [found.diagnosis for found in results(spec) if found.diagnosis]
    assert words in told[0]


@pytest.mark.parametrize("name", ["product_without_mixed", "tile_takes_first_copy"])
def test_a_derived_function_fails_again_at_its_point(name: str) -> None:
    """Its cotangent has another shape than the function's own, and is fed to no other function."""
    spec = next(spec for spec in SPECS if spec.name == name)
    options = Options(allow_import=(PACKAGE,), checks=("second_order",))
    first = [r for r in run([spec], options, lambda result: None) if r.smallest is not None]
    for case in (r.smallest for r in first if r.verdict is Verdict.WRONG):
        assert case is not None
        alone = replace(options, point=case.point, cotangent=case.cotangent)
        again = run([spec], alone, lambda result: None)
        assert Verdict.WRONG in {r.verdict for r in again}
        assert not [r.message for r in again if r.verdict is Verdict.ERROR]


def test_a_layout_of_a_gradients_grad_output_is_found_and_shown_again() -> None:
    """At the point of the report alone, without any search, the same is wrong."""
    spec = next(spec for spec in SPECS if spec.name == "hessian_of_sum")
    options = Options(allow_import=(PACKAGE,), checks=("second_order",))
    (wrong,) = (r for r in run([spec], options, lambda _: None) if r.verdict is Verdict.WRONG)
    assert wrong.worst is not None
    assert wrong.worst.setting == "grad_output of the backward expanded"
    case = wrong.smallest or wrong.worst
    alone = replace(options, point=case.point, cotangent=case.cotangent)
    (told,) = (r for r in run([spec], alone, lambda _: None) if r.verdict is Verdict.WRONG)
    assert told.worst is not None
    assert told.worst.setting == wrong.worst.setting


def test_the_bank_is_a_bank() -> None:
    """Names are unique, every known miss is a spec, every spec uses what the package holds.

    Each has a family, the last of its tags but slow; each family has its faults.
    """
    names = [spec.name for spec in SPECS]
    assert len(set(names)) == len(names)
    assert set(MISSED) <= set(names)
    assert all(target.startswith(f"{PACKAGE}.") for spec in SPECS for _, target in spec.use)
    assert all(spec.use for spec in SPECS)
    assert all(set(spec.tags) - {"slow"} for spec in SPECS)
    assert {tag for spec in SPECS for tag in spec.tags} == FAMILIES | {"slow"}


def test_through_the_command_line() -> None:
    """The program itself fails, names the culprit and says how to see it again."""
    spec = "specs/elementary.yaml::square_without_two"
    command = [sys.executable, "-m", "gradcheck_sym", spec, "--allow-import", PACKAGE]
    done = subprocess.run(
        [*command, "--format", "json"], cwd=HERE, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    failed = {r["check"]: r for r in report["results"] if r["verdict"] == "wrong"}
    assert set(failed) >= {"reverse", "finite_difference"}
    assert {failed[check]["culprit"] for check in ("reverse", "finite_difference")} == {
        "the backward"
    }
    assert f"--allow-import {PACKAGE}" in failed["reverse"]["reproduce"]
