"""The result of a spec whose judging came to no end, and the cause in words."""

from __future__ import annotations

import signal

from gradcheck_sym.run.choice import checks_of, dtypes_of
from gradcheck_sym.run.messages import Begun
from gradcheck_sym.run.options import Options
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.verdict.records import Result, Verdict


def failure(spec: Spec, check: str, dtype: str, message: str) -> Result:
    """An error in one check of a spec."""
    return Result(
        spec.address,
        check,
        None,
        dtype,
        Verdict.ERROR,
        message=message,
        line=spec.position.line,
        column=spec.position.column,
    )


def first_stage(spec: Spec, options: Options) -> Begun:
    """The check to name where none has begun."""
    checks, dtypes = checks_of(spec, options), dtypes_of(spec, options)
    return Begun((*checks, "forward")[0], (*dtypes, "float64")[0])


def cause(exit_code: int | None) -> str:
    """Why a process is gone, from its exit code; a negative one is that of a signal."""
    if exit_code is None:
        return "the process stopped answering"
    if exit_code >= 0:
        return f"the process was ended from within (exit code {exit_code})"
    try:
        name = signal.Signals(-exit_code).name
        said = signal.strsignal(-exit_code) or name
    except ValueError:
        name, said = f"signal {-exit_code}", "a signal"
    more = "; if nobody did that, memory had run out" if -exit_code == signal.SIGKILL else ""
    return f"the process crashed: {said.lower()} ({name}){more}"


def late(seconds: float) -> str:
    """What is said of a spec that took longer than permitted."""
    return f"not finished after {seconds:g} s (--timeout): it hangs, or needs more time"
