"""The tutorial's four examples: every step predicted, run and expected alike, in every dtype."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcheck_sym.spec.reader import read

SPECS = Path(__file__).parents[2] / "specs" / "autograd_basics"
PROGRAMS = list(read([str(path) for path in sorted(SPECS.glob("*.yaml"))]))


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("spec", [s for s in PROGRAMS if s.steps], ids=lambda spec: spec.name)
def test_example(spec, dtype, judged):
    """Nothing diverges and nothing is left open."""
    found = judged(spec, dtype)
    assert [divergence.message for divergence in found.divergences] == []
    assert found.undecided == 0
    assert found.verdict == "agrees"


def test_the_expressions_are_checked_anywhere():
    """Beside every program stands its mathematics, on random inputs."""
    files = {spec.path for spec in PROGRAMS if spec.steps}
    anywhere = {spec.path for spec in PROGRAMS if spec.expr and not spec.steps}
    assert len(files) == 4
    assert anywhere == files
