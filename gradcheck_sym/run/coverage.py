"""Which of torch's backward nodes and operators some specs exercise, each run once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from gradcheck_sym.autograd.exercise import Exercised, exercised, exercised_by_steps
from gradcheck_sym.autograd.implementation import RAISED, told
from gradcheck_sym.autograd.inventory import inventory
from gradcheck_sym.run.choice import dtypes_of
from gradcheck_sym.run.domains import space_of
from gradcheck_sym.run.options import Options
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.sampling.bulk import bulk
from gradcheck_sym.sampling.seeds import generator
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.symbolic.derivation import forward_of
from gradcheck_sym.verdict.coverage import Coverage, Share


def coverage(
    specs: Sequence[Spec],
    options: Options,
    on_begin: Callable[[Spec], None],
    on_end: Callable[[], None],
) -> Coverage:
    """What the specs exercise of the installed torch, run at one point each."""
    there = inventory()
    found: dict[str, Exercised] = {}
    failed: dict[str, str] = {}
    for spec in specs:
        on_begin(spec)
        try:
            found[spec.address] = _exercised(spec, options)
        except RAISED as err:  # what a spec or an implementation does wrong, `run` tells
            failed[spec.address] = told(err)
        on_end()
    return Coverage(
        there.version,
        nodes=_share(there.nodes, found, lambda each: each.nodes | each.second),
        first=_share(there.nodes, found, lambda each: each.nodes),
        second=_share(there.nodes, found, lambda each: each.second),
        operators=_share(there.operators, found, lambda each: each.operators),
        elsewhere=tuple(sorted(there.elsewhere)),
        failed=failed,
    )


def _exercised(spec: Spec, options: Options) -> Exercised:
    dtype = next(iter(dtypes_of(spec, options)), "float64")
    total = exercised_by_steps(spec, dtype) if spec.steps else Exercised()
    if spec.expr is None:
        return total
    subject = Subject(spec, format_of(dtype), options)
    dims = subject.middle
    space = space_of(spec, dtype, forward_of(spec, subject.sizes[0]))
    random = generator(options.seed, spec.name, dtype, "coverage", dict(dims))
    point = bulk(space, dims, 1, random).batch.values
    return total | exercised(subject.implementation, point, subject.graded, dtype)


def _share(
    every: frozenset[str],
    found: Mapping[str, Exercised],
    part: Callable[[Exercised], Iterable[str]],
) -> Share:
    by: dict[str, list[str]] = defaultdict(list)
    for address, each in found.items():
        for name in every.intersection(part(each)):
            by[name].append(address)
    return Share(every, {name: tuple(by[name]) for name in sorted(by)})
