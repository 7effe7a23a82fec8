"""What can be told of a function before anybody has written a spec of it: shapes and domains."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from gradcheck_sym.autograd.signatures import MISSING, Accepted, Parameter, accepted, signature
from gradcheck_sym.errors import SpecError
from gradcheck_sym.run.domains import space_of
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.drafts import Argument, Draft, constant, text
from gradcheck_sym.spec.functions import CONSTANTS, FUNCTIONS, parameters
from gradcheck_sym.spec.operators import OPERATORS
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.reading import GAP, RESERVED
from gradcheck_sym.spec.records import Dim, Domain, Input, Interval, Spec
from gradcheck_sym.spec.tokens import identifier_complaint
from gradcheck_sym.spec.yaml_nodes import Source
from gradcheck_sym.symbolic.derivation import forward_of
from gradcheck_sym.symbolic.lower import LowerError
from gradcheck_sym.symbolic.program import ProgramError

_SHAPES: tuple[tuple[str, ...], ...] = (("n",), ("n", "n"), ())
_SIZES = (2, 3)  # at which a shape must make sense
_MOST_INPUTS = 4  # whose shapes are looked for one by one
WIDEST = 10.0  # a domain without an end of its own ends here


def with_shapes(spec: Spec) -> Spec | None:
    """The spec with shapes at which its mathematics makes sense; None where none of those tried do.

    Vectors of one size for all inputs where that is possible, else matrices and numbers among
    them.
    """
    for shapes in _choices(len(spec.inputs)):
        shaped = _shaped(spec, shapes)
        if all(_makes_sense(shaped, size) for size in _SIZES):
            return shaped
    return None


def _choices(count: int) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Shapes for so many inputs, the simplest first: arrays of few dimensions, then numbers."""
    yield (("n",),) * count
    if count > _MOST_INPUTS:
        yield from ((shape,) * count for shape in _SHAPES[1:])
        return
    every = itertools.product(_SHAPES, repeat=count)
    yield from sorted(every, key=lambda shapes: (() in shapes, sum(map(len, shapes))))


def _shaped(spec: Spec, shapes: Sequence[tuple[str, ...]]) -> Spec:
    inputs = tuple(
        replace(entry, shape=shape, domain=None)
        for entry, shape in zip(spec.inputs, shapes, strict=True)
    )
    dims = (Dim("n", 1, 4, declared=False),) if any(shapes) else ()
    return replace(spec, inputs=inputs, dims=dims)


def _makes_sense(spec: Spec, size: int) -> bool:
    try:
        forward_of(spec, {dim.name: size for dim in spec.dims})
    except (LowerError, ProgramError):
        return False
    return True


def domains(spec: Spec) -> Mapping[str, tuple[Domain, Domain]]:
    """Where the mathematics is defined, and an everyday part of that, by input."""
    forward = forward_of(spec, {dim.name: 2 for dim in spec.dims})
    space = space_of(spec, "float64", forward)
    return {entry.name: _domains(entry) for entry in space.inputs}


def _domains(entry: Input) -> tuple[Domain, Domain]:
    whole = entry.domain or _REAL
    return whole, Domain(tuple(map(_everyday, whole.intervals)))


def _everyday(piece: Interval) -> Interval:
    """An interval of ordinary numbers, where it has no ends of its own."""
    low, high = piece.low, piece.high
    if low == -math.inf:
        low = min(-WIDEST, high - WIDEST) if high < math.inf else -WIDEST
    if high == math.inf:
        high = max(WIDEST, low + WIDEST)
    return Interval(
        low,
        high,
        low_closed=piece.low_closed or low != piece.low,
        high_closed=piece.high_closed or high != piece.high,
    )


# ---- drafts


def from_expression(name: str, expr: str) -> Draft:
    """The draft of a spec of an expression; SpecError where the language does not have it."""
    inputs = inputs_of(expr)
    heads = ("F.", "torch.", "torch.special.", "torch.linalg.")
    offered = next((head + name for head in heads if head + name in OPERATORS), "")
    call = f"{offered}({', '.join(inputs)})" if offered else ""
    return Draft(name, expr, _arguments(inputs, expr), offered=call)


def inputs_of(expr: str) -> tuple[str, ...]:
    """The free names of an expression in the order of their first appearance.

    Raises ParseError.
    """
    node = parse(expr)
    names = (part.name for part in tree.walk(node) if isinstance(part, tree.Name))
    return tuple(dict.fromkeys(name for name in names if name not in CONSTANTS))


def _arguments(names: Sequence[str], expr: str) -> tuple[Argument, ...]:
    """The inputs with the shapes and domains that the mathematics needs, or with gaps."""
    bare = Draft("draft", expr, tuple(Argument(name, (), (_REAL, _REAL)) for name in names))
    specs, problems = read_source(Source("draft", text(bare, "")))
    if problems:
        raise SpecError(problems)
    shaped = with_shapes(specs[0])
    if shaped is None:
        return tuple(map(Argument, names))
    found = domains(shaped)
    return tuple(
        Argument(entry.name, tuple(map(str, entry.shape)), found[entry.name])
        for entry in shaped.inputs
    )


_REAL = Domain((Interval(-math.inf, math.inf, low_closed=False, high_closed=False),))


def from_torch(dotted: str, name: str) -> Draft:
    """The draft of a spec of one of torch's operators that specs may call."""
    taken = signature(dotted)
    call = accepted(dotted, taken)
    tensors = [each for each in taken if each.kind == "tensor" and each.default is MISSING]
    numbers = [each for each in taken if each.kind == "number"]
    names = {each.name: _free(each.name) for each in (*tensors, *numbers)}
    inputs = [names[each.name] for each in tensors]
    expr = _in_language(dotted, inputs) if len(tensors) == len(taken) else GAP
    if expr == GAP:
        shapes = {} if call is None else call.shapes
        arguments = tuple(Argument(names[each.name], shapes.get(each.name)) for each in tensors)
    else:
        arguments = _arguments(inputs, expr)
    constants = tuple(Argument(names[n.name], value=constant(n.default)) for n in numbers)
    return Draft(
        name,
        expr,
        arguments + constants,
        source=dotted.replace("F.", "torch.nn.functional.", 1),
        torch=_call(dotted, taken, names, call),
        remarks=_remarks(taken, names),
    )


def _free(name: str) -> str:
    """The name of a parameter as that of an input."""
    if name == "input":
        return "x"
    return f"{name}_" if name in RESERVED or identifier_complaint(name) else name


def _in_language(dotted: str, inputs: Sequence[str]) -> str:
    """The operator in the language of specs, where that has the same; a gap where it has not."""
    for row in FUNCTIONS.values():
        if row.torch == dotted and len(parameters(row.signature)) == len(inputs):
            return f"{row.name}({', '.join(inputs)})"
    return GAP


def _call(
    dotted: str,
    taken: Sequence[Parameter],
    names: Mapping[str, str],
    call: Accepted | None,
) -> str:
    """The call under test, as it was found to work; a gap where that is not known."""
    if call is None:
        return GAP
    words = [names[name] for name in call.shapes]
    words += [f"{each.name}={names[each.name]}" for each in taken if each.kind == "number"]
    words += [f"{name}={value}" for name, value in call.whole.items()]
    return f"{dotted}({', '.join(words)})"


def _remarks(taken: Sequence[Parameter], names: Mapping[str, str]) -> tuple[str, ...]:
    """The parameters that the call leaves out, with their defaults."""
    others = [each for each in taken if each.name not in names and each.default is not MISSING]
    told = ", ".join(f"{each.name}={each.default!r}" for each in others)
    return (f"further options: {told}",) if told else ()
