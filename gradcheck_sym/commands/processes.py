"""The options about who judges: how many processes, and how much each may take."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from gradcheck_sym.commands import values
from gradcheck_sym.run.options import Workers

_DEFAULT = Workers()
_AUTO = "auto"


def process_options(parser: argparse.ArgumentParser) -> None:
    """The options."""
    group = parser.add_argument_group("who judges")
    group.add_argument(
        "-j",
        "--jobs",
        type=_jobs,
        metavar="N|auto",
        help="so many processes; auto: as the work and the cores are; 0: none but this, which a "
        f"debugger can look into and a crash can end ({_AUTO})",
    )
    group.add_argument(
        "--timeout",
        type=values.whole("--timeout", 0),
        metavar="SECONDS",
        help=f"for each spec; 0: any time ({_DEFAULT.timeout:g})",
    )
    group.add_argument(
        "--memory",
        type=values.whole("--memory", 1),
        metavar="MB",
        help="for each process, beyond the program's own (a fair share of the machine's)",
    )


def workers_of(arguments: Mapping[str, Any]) -> Workers:
    """What the arguments, or a configuration, say of it."""
    jobs, timeout = arguments.get("jobs"), arguments.get("timeout")
    return Workers(
        count=None if jobs in (None, _AUTO) else int(jobs),
        timeout=_DEFAULT.timeout if timeout is None else timeout or None,
        memory=arguments.get("memory"),
    )


def _jobs(text: str) -> str:
    """Reads a number of processes, or auto."""
    return text if text == _AUTO else str(values.whole("-j", 0)(text))
