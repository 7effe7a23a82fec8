"""What is off to one side all around a point is no rounding; what is off either way may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gradcheck_sym.run.leaning import leaning
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.spec.dtypes import format_of

TEXT = 'inputs: {x: {shape: [], domain: "[1, 2]"}}\nexpr: exp(x)\n'


class _Off:
    """exp in bfloat16, the gradient off by so many parts in a hundred, to one side or either."""

    def __init__(self, function: Any, percent: float, *, either: bool, moved: float) -> None:
        space = replace(function.space, dtype="bfloat16")
        self.function, self.space = replace(function, space=space), space
        self.share, self.either, self.size = percent / 100, either, moved
        self.runs = 0

    def trial(self, batch: Any, mode: str, fed: Any) -> Trial:
        trial = self.function.trial(batch, mode, fed)
        signs = np.where(np.arange(len(trial.claimed)) % 2, -1.0, 1.0) if self.either else 1.0
        claimed = trial.truths.copy()
        claimed[:, 1] *= 1 + self.share * signs
        return replace(trial, claimed=claimed)

    def moves(self, trial: Trial) -> Any:
        for share in (0.5, 1.0):
            self.runs += 1
            yield np.full(trial.claimed.shape, share * self.size)


def _lean(subject_of: Any, **how: Any) -> Any:
    off = _Off(subject_of(TEXT).function, **how)
    trial = off.function.at({}, {"x": 1.5}, 1.0, "example")
    assert trial.dtype == format_of("bfloat16")
    return leaning(off, trial, 0)


def test_what_is_off_to_one_side_is_told(subject_of: Any) -> None:
    """The gradient alone, with how much it is off and how far roundings move it."""
    lean = _lean(subject_of, percent=4, either=False, moved=0.1)
    assert lean.columns.tolist() == [False, True]
    assert 0.15 < lean.off[1] < 0.21  # 4 % of exp(1.5)
    assert "off to the same side at all 48 points around it" in lean.told(1)
    assert "move it by 0.1" in lean.told(1)


@pytest.mark.parametrize(
    "how",
    [
        {"percent": 4, "either": True, "moved": 0.1},  # roundings go either way
        {"percent": 4, "either": False, "moved": 0.3},  # and may be larger,
        {"percent": 4, "either": False, "moved": np.inf},  # or unknown
        {"percent": 0.2, "either": False, "moved": 0.0},  # half a last digit shows nothing
    ],
)
def test_what_may_be_rounding_is_not(how: Any, subject_of: Any) -> None:
    """Errors on both sides, small ones, and those that other roundings make as well."""
    lean = _lean(subject_of, **how)
    assert lean is None or not lean.columns.any()


@pytest.mark.parametrize("moved, runs", [(0.5, 1), (0.3, 2), (0.1, 2)])
def test_what_a_run_explains_is_run_no_further(moved: float, runs: int, subject_of: Any) -> None:
    """The first run may move numbers by all that they are off; 4 % of exp(1.5) are 0.18."""
    off = _Off(subject_of(TEXT).function, percent=4, either=False, moved=moved)
    lean = leaning(off, off.function.at({}, {"x": 1.5}, 1.0, "example"), 0)
    assert off.runs == runs
    assert (lean is None) == (moved > 0.2)


class _Scaled(torch.autograd.Function):
    """softmax whose path for bfloat16 has another factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        y = torch.softmax(x, -1)
        ctx.factor = factor
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        slope = y * (grad_output - (grad_output * y).sum(-1, keepdim=True))
        return (slope * ctx.factor if slope.dtype == torch.bfloat16 else slope), None


@pytest.mark.parametrize("factor", [1.0, 1.04])
def test_a_few_hundredths_in_bfloat16(factor: float) -> None:
    """As a user has it: found by a spec like any other, and not where there is nothing to find."""
    from gradcheck_sym import GradientMismatch, verify

    def softmax(x: Tensor) -> Tensor:
        found: Tensor = _Scaled.apply(x, factor)
        return found

    def verified() -> Any:
        return verify("softmax(x, -1)", softmax, x="[-4, 4]", checks="dtypes", dtypes="bfloat16")

    if factor == 1:
        assert verified().passed
    else:
        with pytest.raises(GradientMismatch, match="off to the same side"):
            verified()
