"""Scalar programs: the mathematics at one concrete shape, one operation on numbers at a time.

A `Builder` holds a growing list of instructions in which equal ones are the same one, so that
whatever occurs twice is computed once. A `Scalar` is a handle on one instruction and carries
Python's operators, so that NumPy's object arrays do all the indexing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import final

# What an instruction may do, besides the elementwise functions of the table:
#   input NAME, const FRACTION, pi, e, inf
#   neg, add, sub, mul, div, pow
#   scale(a, b)      a*b, but 0 where a is exactly 0, whatever b is
#   max, min         of any number of arguments
#   wins NAME:K      1 where argument K alone is the max (min), 0 where another alone is
#   lt, le, gt, ge, eq, ne, and, or, not    conditions
#   select(c, a, b)  a where the condition c holds, else b
#   detach(a)        a, constant to differentiation
#   polygamma N      the derivative of order N of digamma
COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})
CONDITIONS = COMPARISONS | {"and", "or", "not"}
_ADDITIONS = frozenset({"add", "sub"})

# Beyond this a spec is too large to derive, about 100 MB of handles; large inputs have more room.
MAX_INSTRUCTIONS, PER_INPUT = 200_000, 12
_MAX_FOLDED_BITS = 4096  # constants are folded exactly, unless the result would be huge


class ProgramError(ValueError):
    """The mathematics cannot be written as a scalar program; says why."""


@final
@dataclass(frozen=True, slots=True)
class Instruction:
    """One operation; its arguments are indices of earlier instructions."""

    op: str
    args: tuple[int, ...] = ()
    data: Fraction | str | int | None = None

    @property
    def decider(self) -> str:
        """The operation whose decision this follows: of a wins the max or min, else its own."""
        return str(self.data).partition(":")[0] if self.op == "wins" else self.op

    @property
    def contest(self) -> tuple[str, tuple[int, ...]]:
        """What is decided, and between which numbers: a max and its wins decide together."""
        return self.decider, self.args

    @property
    def place(self) -> int:
        """Of a wins: the argument that it is about."""
        return int(str(self.data).partition(":")[2])


@final
class Scalar:
    """A handle on one instruction of a builder."""

    __slots__ = ("builder", "index")

    def __init__(self, builder: Builder, index: int) -> None:
        self.builder = builder
        self.index = index

    @property
    def instruction(self) -> Instruction:
        """The operation that computes this scalar."""
        return self.builder.code[self.index]

    @property
    def constant(self) -> Fraction | None:
        """The exact value, where this is a rational constant."""
        data = self.instruction.data
        return data if isinstance(data, Fraction) else None

    @property
    def is_condition(self) -> bool:
        """Whether this is true or false rather than a number."""
        return self.instruction.op in CONDITIONS

    def __repr__(self) -> str:
        return f"%{self.index}"

    def _op(self, op: str, other: object) -> Scalar:
        """The operation with another exact number; what else there is knows its own rules."""
        if isinstance(other, (Scalar, int, Fraction)):
            return self.builder.op(op, self, other)
        return NotImplemented  # type: ignore[no-any-return]

    def __add__(self, other: object) -> Scalar:
        return self._op("add", other)

    def __radd__(self, other: object) -> Scalar:
        return self.builder.op("add", other, self)

    def __sub__(self, other: object) -> Scalar:
        return self._op("sub", other)

    def __rsub__(self, other: object) -> Scalar:
        return self.builder.op("sub", other, self)

    def __mul__(self, other: object) -> Scalar:
        return self._op("mul", other)

    def __rmul__(self, other: object) -> Scalar:
        return self.builder.op("mul", other, self)

    def __truediv__(self, other: object) -> Scalar:
        return self._op("div", other)

    def __rtruediv__(self, other: object) -> Scalar:
        return self.builder.op("div", other, self)

    def __pow__(self, other: object) -> Scalar:
        return self._op("pow", other)

    def __rpow__(self, other: object) -> Scalar:
        return self.builder.op("pow", other, self)

    def __neg__(self) -> Scalar:
        return self.builder.op("neg", self)


@final
class Builder:
    """A scalar program under construction: instructions, each only once."""

    def __init__(self) -> None:
        self.code: list[Instruction] = []
        self._index: dict[Instruction, int] = {}
        self._most = MAX_INSTRUCTIONS

    def emit(self, op: str, args: Iterable[Scalar] = (), data: object = None) -> Scalar:
        """The scalar that this instruction computes; ProgramError when there are too many."""
        instruction = Instruction(op, tuple(arg.index for arg in args), data)  # type: ignore[arg-type]
        index = self._index.get(instruction)
        if index is None:
            if len(self.code) >= self._most:
                raise ProgramError(f"the mathematics needs over {self._most} operations")
            index = len(self.code)
            self._most += PER_INPUT * (op == "input")
            self.code.append(instruction)
            self._index[instruction] = index
        return Scalar(self, index)

    def input(self, name: str) -> Scalar:
        """The input of that flat name, such as "x[0,1]"."""
        return self.emit("input", data=name)

    def constant(self, value: Fraction | int) -> Scalar:
        """An exact rational constant."""
        return self.emit("const", data=Fraction(value))

    def scalar(self, value: object) -> Scalar:
        """Any number as a scalar of this builder."""
        if isinstance(value, Scalar):
            return value
        if isinstance(value, (int, Fraction)):
            return self.constant(value)
        raise TypeError(f"{value!r} is no exact number")

    def op(self, op: str, *operands: object) -> Scalar:
        """An arithmetic operation, with exact constants folded and neutral elements dropped.

        Nothing else is simplified: 0*log(x) stays, since its singular point is part of it.
        """
        args = [self.scalar(operand) for operand in operands]
        folded = _fold(op, [arg.constant for arg in args])
        if folded is not None:
            return self.constant(folded)
        return _neutral(op, args) or self.emit(op, args)

    def extreme(self, op: str, operands: Sequence[Scalar]) -> Scalar:
        """max or min of any number of scalars; nested ones are joined into one."""
        flat: dict[int, Scalar] = {}
        for operand in operands:
            inner = operand.instruction
            parts = [Scalar(self, arg) for arg in inner.args] if inner.op == op else [operand]
            flat |= {part.index: part for part in parts}
        return next(iter(flat.values())) if len(flat) == 1 else self.emit(op, flat.values())


def _fold(op: str, values: Sequence[Fraction | None]) -> Fraction | None:
    known = [value for value in values if value is not None]
    if len(known) != len(values):
        return None
    match op, known:
        case "neg", [a]:
            return -a
        case "add", [a, b]:
            return a + b
        case "sub", [a, b]:
            return a - b
        case "mul", [a, b]:
            return a * b
        case "div", [a, b] if b:
            return a / b
        case "pow", [a, b] if b.denominator == 1 and (a or b > 0):
            size = max(a.numerator.bit_length(), a.denominator.bit_length()) * abs(b)
            return a ** int(b) if size <= _MAX_FOLDED_BITS else None
    return None


def _neutral(op: str, args: Sequence[Scalar]) -> Scalar | None:
    """The operand itself, where the operation does nothing to it."""
    left, right = args[0].constant, args[-1].constant
    match op:
        case "add" if left == 0:
            return args[1]
        case "add" | "sub" if right == 0:
            return args[0]
        case "mul" | "scale" if left == 1:
            return args[1]
        case "mul" | "div" | "pow" | "scale" if right == 1:
            return args[0]
    return None


@final
@dataclass(frozen=True, slots=True)
class Program:
    """A finished scalar program: data only, in an order in which it can be carried out."""

    inputs: tuple[str, ...]  # flat names, in the order in which values are given
    code: tuple[Instruction, ...]
    inputs_at: tuple[int, ...]  # the instruction of each input; -1 where it is not used
    outputs: tuple[int, ...]  # the instructions whose values are the results

    def depth(self) -> int:
        """How many operations the longest path from an input to an output has.

        A sum of n terms counts as one that is added in pairs: log2(n) additions in a row, as the
        sums of libraries lose no more.
        """
        uses = Counter(chain(self.outputs, *(step.args for step in self.code)))
        depths: list[int] = []
        sums: list[tuple[int, int]] = []  # how deep the deepest term of each is, and of how many
        for step in self.code:
            adds = step.op in _ADDITIONS
            parts = [
                sums[arg] if adds and uses[arg] == 1 else (depths[arg], 1) for arg in step.args
            ]
            deepest = max((deep for deep, _ in parts), default=-1)
            terms = sum(count for _, count in parts)
            depths.append(deepest + ((terms - 1).bit_length() if adds else 1))
            sums.append((deepest, terms) if adds else (depths[-1], 1))
        return max((depths[at] for at in self.outputs), default=0)


def finish(inputs: Sequence[str], outputs: Sequence[Scalar]) -> Program:
    """The part of a builder's program that the outputs need, renumbered."""
    code = outputs[0].builder.code if outputs else []
    needed = sorted(reachable(code, (output.index for output in outputs)))
    place = {old: new for new, old in enumerate(needed)}
    kept = tuple(
        Instruction(code[old].op, tuple(place[arg] for arg in code[old].args), code[old].data)
        for old in needed
    )
    where = {step.data: at for at, step in enumerate(kept) if step.op == "input"}
    unknown = where.keys() - set(inputs)
    if unknown:
        raise ProgramError(f"inputs without a value: {sorted(map(str, unknown))}")
    return Program(
        tuple(inputs),
        kept,
        tuple(where.get(name, -1) for name in inputs),
        tuple(place[output.index] for output in outputs),
    )


def reachable(
    code: Sequence[Instruction],
    roots: Iterable[int],
    sources: Callable[[int], Iterable[int]] | None = None,
) -> set[int]:
    """The indices of all instructions that the roots depend on, themselves included.

    sources: the arguments of an instruction that count; None: all of them.
    """
    follow = sources or (lambda index: code[index].args)
    seen: set[int] = set()
    pending = list(roots)
    while pending:
        index = pending.pop()
        if index not in seen:
            seen.add(index)
            pending.extend(follow(index))
    return seen


def labels(program: Program, still: Collection[int]) -> frozenset[int]:
    """The inputs that nothing moves and that are compared for equality: they are not rounded."""
    compared = {arg for step in program.code if step.op in ("eq", "ne") for arg in step.args}
    return frozenset(at for at in compared & {*still} if program.code[at].op == "input")


def depending(program: Program, movable: Collection[int], *, conditions: bool = False) -> set[int]:
    """The instructions that depend on a movable one, itself included.

    conditions: whether these are among them, and what depends on them alone.
    """
    found: set[int] = set()
    for index, step in enumerate(program.code):
        follows = conditions or step.op not in CONDITIONS
        if index in movable or (follows and not found.isdisjoint(step.args)):
            found.add(index)
    return found


def released(program: Program) -> tuple[tuple[int, ...], ...]:
    """The instructions whose values nobody needs any more after each one."""
    last = {arg: index for index, step in enumerate(program.code) for arg in step.args}
    done: list[list[int]] = [[] for _ in program.code]
    for arg in last.keys() - set(program.outputs):
        done[last[arg]].append(arg)
    return tuple(map(tuple, done))


def flat_names(name: str, shape: Sequence[int]) -> Iterator[str]:
    """The flat names of an array's elements in row-major order: x[0,0], x[0,1], …; x if scalar."""
    if not shape:
        yield name
        return
    size = 1
    for extent in shape:
        size *= extent
    for flat in range(size):
        index = []
        for extent in reversed(shape):
            flat, rest = divmod(flat, extent)
            index.append(str(rest))
        yield f"{name}[{','.join(reversed(index))}]"
