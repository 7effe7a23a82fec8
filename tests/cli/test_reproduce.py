"""The command that shows a result again reads back as the same choices."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

import pytest

from gradcheck_sym import cli
from gradcheck_sym.commands.reproduce import command
from gradcheck_sym.run.options import Options
from gradcheck_sym.verdict.records import Case, Measured, Result, Verdict

HOSTILE = "it's a/$(touch x) spec.yaml::name"


def wrong(point: Mapping[str, object] | None, cotangent: object = None) -> Result:
    """A failure at a point, or one that has none."""
    case = None
    if point is not None:
        case = Case(point, cotangent, (), Measured(1.0), 2.0, None, 1.0, 1.0, 0.0)
    return Result(HOSTILE, "reverse", "x", "float32", Verdict.WRONG, smallest=case)


def read_back(result: Result, options: Options) -> dict[str, object]:
    """The arguments that the command line takes from the command."""
    python, flag, module, *words = shlex.split(command(result, options))
    assert (python, flag, module) == ("python", "-m", "gradcheck_sym")
    return vars(cli._parse("run", cli.COMMANDS["run"], words))


def test_a_point_reads_back_bit_for_bit() -> None:
    """Spec, check, dtype, point and cotangent, whatever the file is called."""
    point = {"x": (0.1, -0.0), "β": float("inf")}
    read = read_back(wrong(point, (5e-324,)), Options(seed=3, allow_import=("a.b", "c")))
    assert read["paths"] == [HOSTILE]
    assert (read["checks"], read["dtype"], read["seed"]) == (("reverse",), ("float32",), 3)
    assert repr(read["point"]) == repr(point)
    assert read["cotangent"] == (5e-324,)
    assert read["allow_import"] == ["a.b", "c"]


@pytest.mark.parametrize("point", [None, {}])
def test_without_a_point_the_check_is_repeated(point: Mapping[str, object] | None) -> None:
    """The same seed and number of points draw the same points."""
    read = read_back(wrong(point), Options(seed=3, points=17))
    assert (read["seed"], read["points"], read["point"]) == (3, 17, None)


def test_a_run_at_one_point_is_repeated_at_that_point() -> None:
    """Also where the result itself has no case, with the sizes that were given."""
    options = Options(point={"x": 0.5}, cotangent=2.0, dims={"n": 3, "m": 0})
    read = read_back(wrong(None), options)
    assert (read["point"], read["cotangent"]) == ({"x": 0.5}, 2.0)
    assert read["dims"] == {"n": 3, "m": 0}
