"""The bank of wrong implementations: each is found out, and the right culprit named.

What a spec's notes say is what must come out: `check: culprit`, for each check that must fail.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gradcheck_sym.run.options import Options
from gradcheck_sym.run.runner import run
from gradcheck_sym.spec import reader
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.verdict.records import Result, Verdict

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
    "no other dtype is run": """
        exponential_by_bits gelu_fast_path log_of_one_less log_of_sigmoid product_under_autocast
        rms_of_squares shares static_loss_scale
    """,
    "tensors are contiguous wherever the spec itself leaves them so": """
        allocates_by_stride grad_output_as_contiguous gradient_in_memory_order ignores_offset
        input_as_contiguous leading_dimension_only scales_by_largest transposes_what_is_strided
        views_grad_output
    """,
    "no size beyond the spec's range, 1 to 4, is met": """
        sum_of_one_warp tail_of_first_block_unsaid
    """,
    "all inputs require a gradient at once": """
        all_or_nothing fills_the_first_slot frozen_layer frozen_weight_freezes_bias
        saves_what_requires_grad shared_term_in_one_branch
    """,
    "no two results are alive at the same time": "one_result_buffer saved_on_the_class",
    "no backward runs twice, and nobody asks what shares memory": """
        borrows_and_gives_back frees_what_it_saved gradient_is_the_input scales_saved_in_place
        scratch_of_the_class
    """,
    "forward mode is not checked yet": """
        cosine_tangent_sign logsumexp_unnormalized matmul_tangent_exchanged product_one_tangent
        slope_for_tangent tangent_of_both_only
    """,
    "second derivatives are not checked yet": """
        backward_without_grad detached_second_order number_in_backward product_without_mixed
        saves_its_scale saves_its_slope sine_twice_by_hand softplus_second_nan
    """,
    "vmap is not checked yet": """
        batch_taken_for_first every_input_batched first_lane_for_all rule_without_graph
        sums_the_batch
    """,
    "gradients at kinks are not judged yet": """
        every_maximum_takes_all masks_leave_a_gap masks_overlap maximum_counts_ties_twice
        minimum_drops_ties relu_kink sign_by_division sort_looks_values_up
    """,
    "nobody looks at the constants that an implementation compares with": """
        sine_near_pi skips_one_value
    """,
    "found, but at the end of a domain the differences cannot name the culprit": """
        asin_clamped power_of_zero
    """,
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
    """What a run with all defaults says of one spec."""
    return run([spec], Options(allow_import=(PACKAGE,)), lambda result: None)


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
    assert blamed <= {*expected(spec).values(), ""}


def test_the_bank_is_a_bank() -> None:
    """Names are unique, every known miss is a spec, every spec uses what the package holds.

    Each has one family, besides that it may be slow; each family has its faults.
    """
    names = [spec.name for spec in SPECS]
    assert len(set(names)) == len(names)
    assert set(MISSED) <= set(names)
    assert all(target.startswith(f"{PACKAGE}.") for spec in SPECS for _, target in spec.use)
    assert all(spec.use for spec in SPECS)
    assert all(len(set(spec.tags) - {"slow"}) == 1 for spec in SPECS)
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
    assert set(failed) == {"reverse", "finite_difference"}
    assert {r["culprit"] for r in failed.values()} == {"the backward"}
    assert f"--allow-import {PACKAGE}" in failed["reverse"]["reproduce"]
