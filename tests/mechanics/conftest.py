"""Programs of steps as the tests write them: YAML text, read by the project's own reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gradcheck_sym.autograd.programs import execute
from gradcheck_sym.spec.reader import read
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.symbolic.mechanics import predict
from gradcheck_sym.verdict.mechanics import Comparison, compare

INPUTS = """\
inputs:
  x: {value: [1, -2]}
  u: {value: [0.5, 3], requires_grad: false}
  s: {value: 1.5}
steps:
  - expect: {x.grad: null, u.grad: null, s.grad: null}
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Spec]:
    """A spec of steps over x, u and s, or, where the text begins with inputs, as it is."""

    def build(steps: str) -> Spec:
        path = tmp_path / "program.yaml"
        path.write_text(steps if steps.startswith("inputs") else INPUTS + steps, encoding="utf-8")
        (spec,) = read([str(path)])
        return spec

    return build


@pytest.fixture
def judged() -> Callable[..., Comparison]:
    """Prediction against torch, for a spec of steps."""

    def judge(spec: Spec, dtype: str = "float64") -> Comparison:
        return compare(predict(spec, dtype), execute(spec, dtype), dtype)

    return judge
