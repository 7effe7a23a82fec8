"""What the tests of a run share: specs from YAML, results by check, subjects."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradcheck_sym.run.options import Options
from gradcheck_sym.run.runner import run
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.spec.yaml_nodes import Source
from gradcheck_sym.verdict.records import Result

ALLOWED = ("run_implementations",)
FIRST = ("forward", "reverse", "finite_difference", "steps", "expect")


def _read(text: str) -> Spec:
    specs, problems = read_source(Source("specs/example.yaml", textwrap.dedent(text)))
    assert not problems, problems
    return specs[0]


@pytest.fixture(scope="session")
def spec_of() -> Callable[[str], Spec]:
    """Read one spec out of YAML text."""
    return _read


@pytest.fixture
def subject_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Subject]:
    """Make a subject of YAML text, a dtype and options."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def made(text: str, dtype: str = "float64", **options: Any) -> Subject:
        chosen = Options(**({"points": 60, "allow_import": ALLOWED} | options))
        return Subject(_read(text), format_of(dtype), chosen)

    return made


@pytest.fixture
def results_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Result, ...]]:
    """Run one spec of YAML text with few points and the first checks; options as keywords."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def made(text: str | Spec, **options: Any) -> tuple[Result, ...]:
        spec = _read(text) if isinstance(text, str) else text
        ordinary = {"points": 60, "allow_import": ALLOWED, "checks": FIRST}
        chosen = Options(**(ordinary | options))
        return run([spec], chosen, lambda result: None)

    return made


@pytest.fixture(scope="session")
def tanh() -> Callable[..., str]:
    """The text of a spec of tanh under an implementation of run_implementations."""

    def made(attribute: str, domain: str = "[-6, 6]", extra: str = "") -> str:
        return textwrap.dedent(
            f"""\
            inputs: {{x: {{shape: [n], domain: "{domain}"}}}}
            dims: {{n: "1..3"}}
            expr: tanh(x)
            torch: f(x)
            use: {{f: "run_implementations:{attribute}"}}
            """
        ) + textwrap.dedent(extra)

    return made
