"""Results as the runner hands them over, for all formats alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from gradcheck_sym.verdict.records import Case, Measured, Result, Verdict

CASE = Case(
    point={"x": 3.0, "w": (0.1, -2.0)},
    cotangent=(1.5,),
    index=(1,),
    symbolic=Measured(1 / 3, 1e-30),
    autograd=2 / 3,
    numerical=Measured(0.333333, 1e-7),
    error_ulp=6e15,
    error_abs=1 / 3,
    allowed=2e-16,
)

# What a terminal obeys, what ends a line, a field, an element or a message, and what XML forbids.
HOSTILE = (
    "\x1b[31m\x00\r\n::error::x,y:%0A]]></failure><![CDATA[&amp;\"'{0}[a](1)\ud800\u202e\ufffe é"
)

Make = Callable[..., Result]


@pytest.fixture(scope="session")
def make() -> Make:
    """Builds a wrong result with every field filled, and changes to it."""

    def build(**changes: object) -> Result:
        fields: dict[str, object] = {
            "spec": "specs/a.yaml::gelu",
            "check": "reverse",
            "input": "x",
            "dtype": "float32",
            "verdict": Verdict.WRONG,
            "points": 2000,
            "worst": CASE,
            "smallest": CASE,
            "culprit": "the backward",
            "diagnosis": "2 times the truth",
            "pattern": "constant-ratio",
            "message": "autograd claims twice the slope",
            "reproduce": "python -m gradcheck_sym specs/a.yaml::gelu --seed 0",
            "formula": "x*Phi(x)",
            "derivative": "Phi(x) + x*phi(x)",
            "line": 3,
            "column": 5,
        }
        return Result(**(fields | changes))  # type: ignore[arg-type]

    return build


@pytest.fixture
def quiet(make: Make) -> Make:
    """Builds a result that tells of no point."""

    def build(verdict: Verdict, **changes: object) -> Result:
        empty = {"worst": None, "smallest": None, "diagnosis": "", "pattern": "", "message": ""}
        return make(**({"verdict": verdict} | empty | changes))

    return build


@pytest.fixture
def every(quiet: Make, make: Make) -> Sequence[Result]:
    """A result of each outcome, in two files."""
    return [
        make(),
        make(check="forward", input=None, culprit="the forward", pattern="", diagnosis=""),
        quiet(Verdict.AGREES, check="vmap"),
        quiet(Verdict.INACCURATE, message="digits are lost", check="layouts"),
        quiet(Verdict.SKIPPED, message="skipped: needs a GPU", check="compile"),
        quiet(Verdict.ERROR, message="ValueError: no", spec="specs/b.yaml::f", line=0, column=0),
        make(expected="known", spec="specs/b.yaml::g", line=9),
        quiet(Verdict.AGREES, expected="known", spec="specs/b.yaml::g", check="forward", line=9),
    ]


@pytest.fixture
def hostile(make: Make) -> Result:
    """A failure all of whose texts attack whoever shows them."""
    return make(
        spec=f"{HOSTILE}.yaml::f",
        input=HOSTILE,
        diagnosis=HOSTILE,
        message=HOSTILE,
        reproduce=HOSTILE,
        formula=HOSTILE,
        derivative=HOSTILE,
        culprit=HOSTILE,
        pin=HOSTILE,
    )
