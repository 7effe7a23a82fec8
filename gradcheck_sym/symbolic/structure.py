"""What the scalar program of a spec says about its structure and its thresholds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import chain, combinations, islice, product

from gradcheck_sym.spec.domain import parse_domain
from gradcheck_sym.spec.functions import FUNCTIONS
from gradcheck_sym.symbolic.program import Instruction, Program, reachable

_COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})


def is_elementwise(
    program: Program, names: Sequence[Sequence[str]], shared: frozenset[str]
) -> bool:
    """Whether element k of the value depends on element k of every input, and on nothing else.

    Args:
        program: values only, at a shape of at least two elements.
        names: for each input of the value's shape, its flat names in order.
        shared: flat names of inputs that every element may use.
    """
    for place, output in enumerate(program.outputs):
        used = {
            str(program.code[at].data)
            for at in reachable(program.code, [output])
            if program.code[at].op == "input"
        }
        own = {flat[place] for flat in names}
        if not used <= own | shared:
            return False
    return True


def are_alike(
    program: Program,
    outputs: Sequence[Sequence[int]],
    names: Sequence[Sequence[str]],
    shared: frozenset[str],
) -> bool:
    """Whether parts of the value are the same function, each of its own part of the inputs.

    Args:
        program: values only.
        outputs: for each part, which outputs it has, in order.
        names: for each part, the flat names of its inputs, in order.
        shared: flat names of inputs that every part may use.
    """
    known: dict[tuple[object, ...], int] = {}
    forms = (
        _form(program, part, {name: place for place, name in enumerate(own)}, shared, known)
        for part, own in zip(outputs, names, strict=True)
    )
    first = next(forms)
    return first is not None and all(form == first for form in forms)


def _form(
    program: Program,
    outputs: Sequence[int],
    own: Mapping[str, int],
    shared: frozenset[str],
    known: dict[tuple[object, ...], int],
) -> tuple[int, ...] | None:
    """Numbers that are the same for equal formulas, whichever part they belong to.

    None where another part's inputs occur. known: the number of each formula so far.
    """
    code = program.code
    ends = [program.outputs[place] for place in outputs]
    found: dict[int, int] = {}
    for at in sorted(reachable(code, ends)):
        step = code[at]
        data: object = step.data
        if step.op == "input":
            if step.data not in own and step.data not in shared:
                return None
            data = own.get(str(step.data), step.data)
        key = (step.op, data, *(found[arg] for arg in step.args))
        found[at] = known.setdefault(key, len(known))
    return tuple(found[end] for end in ends)


def thresholds(program: Program) -> dict[str, tuple[float, ...]]:
    """For each flat input, the values at which a branch or a special point of a function lies.

    Exact for arguments that are a*x + b of one input; other branches are found by search.
    """
    found: dict[str, set[float]] = {}
    lines = _lines(program)
    for step in program.code:
        for line, level in _levels(step, [lines[arg] for arg in step.args]):
            name, slope, offset = line
            if name is not None and slope:
                value = (level - offset) / slope
                if math.isfinite(value):
                    found.setdefault(name, set()).add(value)
    return {name: tuple(sorted(values)) for name, values in sorted(found.items())}


def constants_of(program: Program) -> tuple[float, ...]:
    """The constants of a program as floats, infinite where beyond their range."""
    found = [step.data for step in program.code if step.op == "const"]
    return tuple(_float(Fraction(number)) for number in found if number is not None)


def _float(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def natural_domains(program: Program) -> dict[str, tuple[float, float]]:
    """For each flat input, the open range in which the functions applied to it are defined.

    Only functions that every point reaches count, applied to a*x + b of one input; what other
    expressions exclude is found point by point.
    """
    lines = _lines(program)
    found: dict[str, tuple[float, float]] = {}
    for index in sorted(_unconditional(program)):
        step = program.code[index]
        argument = lines[step.args[0]] if step.args else ()
        name, slope, offset = argument[0] if len(argument) == 1 else _NO_LINE
        low, high = _defined_on(program, step)
        if name is None or not slope or (low, high) == (-math.inf, math.inf):
            continue
        ends = sorted(((low - offset) / slope, (high - offset) / slope))
        before = found.get(name, (-math.inf, math.inf))
        found[name] = max(before[0], ends[0]), min(before[1], ends[1])
    return found


def _unconditional(program: Program) -> set[int]:
    """The instructions that are used at every point, whatever branches are taken."""

    def sources(index: int) -> Sequence[int]:
        step = program.code[index]
        return step.args[:1] if step.op == "select" else step.args

    return reachable(program.code, program.outputs, sources)


def _defined_on(program: Program, step: Instruction) -> tuple[float, float]:
    if step.op == "pow":
        exponent = program.code[step.args[1]].data
        broken = isinstance(exponent, Fraction) and exponent.denominator != 1
        return (0.0 if broken else -math.inf), math.inf
    row = FUNCTIONS.get(step.op)
    if row is None or len(step.args) != 1:
        return -math.inf, math.inf
    parts = parse_domain(row.domain).intervals
    return parts[0].low, parts[-1].high


_Line = tuple[str | None, float, float]  # the input (None: constant), slope and offset
_NO_LINE: _Line = (None, math.nan, math.nan)
_MOST_LINES = 16  # of one instruction: more are those of sorts and maxima of arrays


def _lines(program: Program) -> list[tuple[_Line, ...]]:
    """Each instruction as a line; one that selects, as any of the lines that it may select."""
    found: list[tuple[_Line, ...]] = []
    for step in program.code:
        args = [found[arg] for arg in step.args]
        if step.op in ("max", "min", "select"):
            choices: Iterable[_Line] = chain(*(args[1:] if step.op == "select" else args))
        else:
            choices = (_line(step, chosen) for chosen in product(*args))
        found.append(tuple(dict.fromkeys(islice(choices, _MOST_LINES))))
    return found


def _line(step: Instruction, args: Sequence[_Line]) -> _Line:
    """An instruction as slope*input + offset, where it is that."""
    if step.op == "input":
        return str(step.data), 1.0, 0.0
    if step.op == "const":
        try:
            return None, 0.0, float(step.data or 0)
        except OverflowError:
            return _NO_LINE
    if step.op in ("pi", "e"):
        return None, 0.0, getattr(math, step.op)
    if step.op == "detach":
        return args[0]
    return _combine(step.op, args) if step.op in ("neg", "add", "sub", "mul", "div") else _NO_LINE


def _combine(op: str, args: Sequence[_Line]) -> _Line:
    (name, slope, offset), (other, steep, shift) = args[0], args[-1]
    if op == "neg":
        return name, -slope, -offset
    if op in ("add", "sub"):
        sign = 1.0 if op == "add" else -1.0
        if name is not None and other is not None and name != other:
            return _NO_LINE
        return name or other, slope + sign * steep, offset + sign * shift
    if op == "mul" and (name is None or other is None):
        return name or other, slope * shift + steep * offset, offset * shift
    if op == "div" and other is None and shift:
        return name, slope / shift, offset / shift
    return _NO_LINE


def _levels(step: Instruction, args: Sequence[tuple[_Line, ...]]) -> list[tuple[_Line, float]]:
    """The lines that decide something where they reach a level."""
    if step.op in _COMPARISONS or step.op in ("max", "min"):
        pairs = chain(*(product(*pair) for pair in combinations(args, 2)))
        return [(_combine("sub", pair), 0.0) for pair in pairs]
    row = FUNCTIONS.get(step.op)
    if row is None or len(step.args) != 1:
        return []
    marks = _marks(row.kinks) | _marks(row.singular)
    return list(product(args[0], marks))


def _marks(text: str) -> set[float]:
    if text == "integers":
        return {-2.0, -1.0, 0.0, 1.0, 2.0, 3.0}
    return {float(part) for part in text.strip("{}").split(",")} if text else set()
