"""What a spec says, as frozen records: the only thing later stages know of YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from gradcheck_sym.errors import Position
from gradcheck_sym.spec.tree import Node

Nested = float | tuple["Nested", ...]  # a scalar or a rectangular nest of scalars

MAX_ELEMENTS = 100_000  # of one array: larger ones are not written out scalar by scalar


@final
@dataclass(frozen=True, slots=True)
class Interval:
    """One piece of a domain; an end is closed when its value belongs to it."""

    low: float  # -inf where unbounded
    high: float
    low_closed: bool
    high_closed: bool


@final
@dataclass(frozen=True, slots=True)
class Domain:
    """A union of disjoint intervals in rising order, of real numbers or of integers."""

    intervals: tuple[Interval, ...]
    integers: bool = False

    def __contains__(self, value: float) -> bool:
        if self.integers and value % 1 != 0:  # of infinity and NaN this is NaN
            return False
        return any(
            (piece.low < value or (piece.low_closed and piece.low == value))
            and (value < piece.high or (piece.high_closed and piece.high == value))
            for piece in self.intervals
        )


@final
@dataclass(frozen=True, slots=True)
class Expression:
    """A text of the language, its tree, and where its first character stands."""

    text: str
    tree: Node = field(compare=False)
    position: Position = field(compare=False)


@final
@dataclass(frozen=True, slots=True)
class Input:
    """One argument of the function: either a fixed value, or a shape with a domain.

    A complex input is an array of real numbers with one more axis, [re, im], everywhere but in
    the mathematics and in torch: in values, points, gradients and reports.
    """

    name: str
    value: Nested | None  # given: the input is fixed to it at every point
    shape: tuple[int | str, ...]  # sizes; a str names a dim. Of a value: its own shape
    domain: Domain | None  # None: to be inferred. Of a complex input: of re and of im, each
    dtype: str | None  # "float64", "float32", ... (of the parts); None: whatever is checked
    requires_grad: bool
    position: Position = field(compare=False)
    complex: bool = False

    @property
    def real_shape(self) -> tuple[int | str, ...]:
        """The sizes as an array of real numbers: those of shape, and 2 for [re, im]."""
        return (*self.shape, 2) if self.complex else self.shape

    def sizes(self, dims: Mapping[str, int]) -> tuple[int, ...]:
        """The sizes of real_shape once the dims are chosen; KeyError for a dim without a size."""
        return tuple(dims[size] if isinstance(size, str) else size for size in self.real_shape)


@final
@dataclass(frozen=True, slots=True)
class Dim:
    """A symbolic size and the inclusive range it is drawn from."""

    name: str
    low: int
    high: int
    declared: bool  # False: the default range, not the author's

    @property
    def small(self) -> int:
        """A small size in its range, and more than one where it can be."""
        return min(max(self.low, 2), self.high)


@final
@dataclass(frozen=True, slots=True)
class Example:
    """A point that is always checked, with what the author expects there, if anything."""

    point: Mapping[str, Nested]  # input name -> value; complex numbers as [re, im]
    value: Nested | None  # expected value of expr
    grad: Mapping[str, Nested]  # input name -> expected gradient of sum(expr)
    position: Position = field(compare=False)


@final
@dataclass(frozen=True, slots=True)
class Skip:
    """A check the author leaves out, and why."""

    reason: str


@final
@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a steps program; which fields are used depends on the action.

    let          bindings: name -> expression
    expect       bindings: "x.grad", "y.requires_grad", "y.is_leaf", "y" -> expression or None
    backward     of, gradient, retain_graph, create_graph, wrt (inputs=)
    grad         of, wrt, gradient, retain_graph, create_graph, names (as)
    zero_grad    wrt (of), set_to_none
    retain_grad  wrt (of)
    requires_grad  wrt (of), flag
    set          bindings: target ("c", "c[0]", "x.data") -> expression, in place
    hook         of, names: multiply the gradient that arrives at `of` by an expression
    no_grad, inference_mode, enable_grad   body
    """

    action: str
    position: Position = field(compare=False)
    bindings: tuple[tuple[str, Expression | None], ...] = ()
    of: Expression | None = None
    wrt: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    gradient: Expression | None = None
    retain_graph: bool | None = None
    create_graph: bool = False
    set_to_none: bool = True
    flag: bool = True
    body: tuple[Step, ...] = ()
    raises: str | None = None  # the name of the exception that must be raised


@final
@dataclass(frozen=True, slots=True)
class Spec:
    """One verified example, complete and checked for meaning."""

    name: str
    path: str  # the file, as the user named it
    position: Position = field(compare=False)
    title: str = ""
    source: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    dims: tuple[Dim, ...] = ()  # in order of first appearance
    where: tuple[Expression, ...] = ()
    let: tuple[tuple[str, Expression], ...] = ()
    expr: Expression | None = None
    torch: Expression | None = None
    use: tuple[tuple[str, str], ...] = ()  # name -> "package.module:attribute"
    examples: tuple[Example, ...] = ()
    kinks: Mapping[str, str] = field(default_factory=dict)  # input -> the member demanded at kinks
    steps: tuple[Step, ...] = ()
    checks: Mapping[str, Mapping[str, object] | Skip] = field(default_factory=dict)
    xfail: Mapping[str, str] = field(default_factory=dict)  # check -> reason

    @property
    def address(self) -> str:
        """What selects this spec on the command line: FILE::NAME."""
        return f"{self.path}::{self.name}"

    def input(self, name: str) -> Input:
        """The input of that name; KeyError where there is none."""
        for candidate in self.inputs:
            if candidate.name == name:
                return candidate
        raise KeyError(name)
