"""The command that shows one result again: what the command line reads, written."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from gradcheck_sym.report.numbers import hex_nest
from gradcheck_sym.run.options import Options
from gradcheck_sym.spec.dtypes import DTYPES
from gradcheck_sym.verdict.records import Result


def command(result: Result, options: Options) -> str:
    """A shell command that judges the result's point again, and nothing else.

    The smallest failing point where there is one; the whole check where there is no point.
    """
    words = ["python", "-m", "gradcheck_sym", result.spec, "--checks", result.check]
    if result.dtype in DTYPES:
        words += ["--dtype", result.dtype]
    words += ["--seed", str(options.seed), *_points(result, options)]
    for module in options.allow_import:
        words += ["--allow-import", module]
    return shlex.join(words)


def _points(result: Result, options: Options) -> list[str]:
    case = result.smallest or result.worst
    if case is not None and case.point:
        return _one_point(case.point, case.cotangent, options.dims)
    if options.point is not None:
        return _one_point(options.point, options.cotangent, options.dims)
    return ["--points", str(options.points), "--searches", str(options.searches)]


def _one_point(
    point: Mapping[str, object], cotangent: object, dims: Mapping[str, int]
) -> list[str]:
    written = {name: hex_nest(value) for name, value in point.items()}
    words = ["--point", json.dumps(written)]
    if cotangent is not None:
        words += ["--cotangent", json.dumps(hex_nest(cotangent))]
    if dims:
        words += ["--dims", ",".join(f"{dim}={size}" for dim, size in dims.items())]
    return words
