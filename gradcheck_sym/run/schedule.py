"""Who judges: this process or others, and how many of them; the results come in one order."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from gradcheck_sym.run.messages import Judged
from gradcheck_sym.run.options import Options, Workers
from gradcheck_sym.spec.records import Spec

OnSpec = Callable[[Spec], object]

_BASE, _FOR_POINTS = 0.1, 0.4  # seconds that a spec takes; the latter at 1000 points
_WORTH_A_WORKER = 2.0  # seconds of work: a fresh worker is slow for half a second


def judge(
    specs: Sequence[Spec],
    options: Options,
    workers: Workers,
    on_spec: OnSpec,
    known: Mapping[str, float] = MappingProxyType({}),
) -> Iterator[Judged]:
    """What becomes of each spec, in the order in which they are finished.

    `on_spec` is told of each one that is begun; `known` has the seconds that specs took before, by
    their address. With stop_at_first, what comes after the first spec that fails may be there or
    not: `in_order` leaves it out.
    """
    from gradcheck_sym.run import server

    if workers.count == 0 or not specs or not server.is_possible():
        yield from _here(specs, options, on_spec)
        return
    from gradcheck_sym.run.memory import share
    from gradcheck_sym.run.pool import Pool, Staff
    from gradcheck_sym.run.worker import Place

    count = workers.count or _worthwhile([_seconds(spec, options, known) for spec in specs])
    memory = share(count) if workers.memory is None else workers.memory
    staff = Staff(
        count, Place(dict(os.environ), search_path(), memory, options.memory), workers.timeout
    )
    yield from Pool(specs, options, staff, on_spec).judged()


def in_order(found: Mapping[int, Judged], options: Options) -> tuple[Judged, ...]:
    """What has become of specs in their own order, as if each had waited for the one before."""
    kept = []
    for number in sorted(found):
        kept.append(found[number])
        if options.stop_at_first and found[number].failed:
            break
    return tuple(kept)


def _here(specs: Sequence[Spec], options: Options, on_spec: OnSpec) -> Iterator[Judged]:
    """Judged in this process, which nothing protects from what code under test does."""
    from gradcheck_sym.run.runner import judged
    from gradcheck_sym.symbolic.known import remembering

    home = os.getcwd()
    with remembering(options.memory):
        for number, spec in enumerate(specs):
            on_spec(spec)
            started = time.perf_counter()
            found = Judged(number, judged(spec, options), time.perf_counter() - started)
            os.chdir(home)  # wherever code under test went
            yield found
            if options.stop_at_first and found.failed:
                return


def _seconds(spec: Spec, options: Options, known: Mapping[str, float]) -> float:
    return known.get(spec.address, _BASE + _FOR_POINTS * options.points / 1000)


def _worthwhile(seconds: Sequence[float]) -> int:
    """How many workers so much work is worth, of those that the machine has cores for."""
    useful = int(sum(seconds) / _WORTH_A_WORKER)
    return max(1, min(useful, len(seconds), len(os.sched_getaffinity(0))))


def search_path() -> Sequence[str]:
    """Where code under test is looked for: in the current directory, too, as by `python -m`.

    Python itself can be told not to (-P), and then we don't either.
    """
    here = os.getcwd()
    path = [entry or here for entry in sys.path]
    return path if sys.flags.safe_path or here in path else [here, *path]
