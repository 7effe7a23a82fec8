"""The life of a process that judges: specs come in, results go out, one after the other."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import final

from gradcheck_sym.run import memory
from gradcheck_sym.run.failures import failure, first_stage
from gradcheck_sym.run.messages import Begun, Broken, Done, Found, Job, Message, Ready

Tell = Callable[[Message], object]


@final
@dataclass(frozen=True, slots=True)
class Place:
    """What a worker has in common with the main process, and how much it may take."""

    environment: Mapping[str, str]
    path: Sequence[str]  # where modules are looked for
    memory: int  # MB beyond what the program itself takes
    remembered: Path | None  # folder in which derivatives are remembered


def work(channel: Connection, output: Connection, place: Place) -> None:
    """What a worker process runs, until the channel is closed; never returns."""
    from gradcheck_sym.run.confine import confine

    confine(output.fileno())
    output.close()
    with suppress(EOFError, OSError):  # the main process has gone
        serve(channel, place)
    os._exit(0)  # without waiting for what code under test may have begun


def serve(channel: Connection, place: Place) -> None:
    """Judge what comes in, and say what comes of it; EOFError once nothing more will come."""
    from gradcheck_sym.run import runner  # noqa: F401  # loaded before the first spec is timed
    from gradcheck_sym.symbolic.known import remembering

    os.environ.clear()
    os.environ.update(place.environment)
    sys.path[:] = place.path
    home, begun = os.getcwd(), memory.held()
    memory.limit(begun + place.memory)
    channel.send(Ready())
    with remembering(place.remembered):
        while True:
            judge(channel.recv(), channel.send)
            os.chdir(home)
            channel.send(Done(_has_grown(begun + place.memory // 2)))


def judge(job: Job, tell: Tell) -> None:
    """Judge one spec, and tell each result as soon as it is there."""
    from gradcheck_sym.run.runner import run_spec

    stage = first_stage(job.spec, job.options)

    def begin(check: str, dtype: str) -> None:
        nonlocal stage
        stage = Begun(check, dtype)
        tell(stage)

    try:
        for result in run_spec(job.spec, job.options, begin):
            tell(Found(result))
    except KeyboardInterrupt:  # not from a keyboard: interrupts are blocked here
        said = "the implementation raised KeyboardInterrupt"
        tell(Found(failure(job.spec, stage.check, stage.dtype, said)))
    except BaseException as error:  # noqa: BLE001  # the main process tells of it
        tell(Broken(f"{type(error).__name__}: {error}", traceback.format_exc()))


def _has_grown(most: int) -> bool:
    """Whether the process holds more than that even after letting go of what nobody needs."""
    if memory.held() > most:
        gc.collect()
    return memory.held() > most
