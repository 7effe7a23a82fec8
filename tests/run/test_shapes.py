"""Which larger sizes are visited: around what a user's code holds sizes against."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gradcheck_sym.run.shapes import larger_sizes

STATED = """
inputs: {x: {shape: [m, n]}}
dims: {m: "1..64", n: "2..33"}
expr: sin(x)
use: {own: "somewhere:own"}
torch: own(x)
"""


def in_tiles(x: Tensor) -> Tensor:
    """The sine, of full tiles and of the rest of the rows."""
    full = x.shape[0] // 16 * 16
    return torch.cat([torch.sin(x[:full]), torch.sin(x[full:])])


def test_sizes_beyond_a_block_within_stated_ranges(subject_of: Any) -> None:
    """Each alone, and both with rests of their own; none out of its range."""
    found = list(larger_sizes(subject_of(STATED, implementations={"own": in_tiles})))
    assert {"m": 33, "n": 2} in found
    assert {"m": 2, "n": 33} in found
    assert {"m": 17, "n": 18} in found
    assert all(dims["m"] <= 64 and dims["n"] <= 33 for dims in found)


def test_no_sizes_of_a_range_without_blocks(subject_of: Any) -> None:
    """Where no size is held against anything, stated ranges are left to other checks."""
    assert not list(larger_sizes(subject_of(STATED, implementations={"own": torch.sin})))
    small = STATED.replace("1..64", "1..2").replace("2..33", "2..4")
    assert not list(larger_sizes(subject_of(small, implementations={"own": in_tiles})))
