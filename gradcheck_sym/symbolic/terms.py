"""The parts that a gradient consists of: what an author may have left out.

A gradient is a sum over the ways by which an input reaches the value (the product rule, the
sum over paths), and along each way a product of slopes (the chain rule). A part of the author's
own formula that is held constant takes away the ways through it; one whose slope counts as 1 takes
away a factor. Where a function of the table hides its formula, as softmax does, the same is done to
the scalars that it consists of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import final

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.records import Expression, Spec
from gradcheck_sym.spec.rewrite import Path, exchanged, occurrences
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.spec.unparse import unparse
from gradcheck_sym.symbolic.by_sympy import expression_of
from gradcheck_sym.symbolic.derivation import Derivation, derive
from gradcheck_sym.symbolic.differentiate import vjp
from gradcheck_sym.symbolic.lower import LowerError
from gradcheck_sym.symbolic.program import (
    Builder,
    Instruction,
    Program,
    ProgramError,
    Scalar,
    finish,
)
from gradcheck_sym.symbolic.summands import summands
from gradcheck_sym.symbolic.variant import Variant

_MOST_PARTS = 40  # of a formula that are tried; authors forget one of a few
_MOST_GROUPS = 24  # of scalars
_MOST_EARLIEST = 12  # where there are more: what all else is made of, as the input of a softmax
_LARGEST_FORMULA = 40  # operations of a scalar that is named
_LONGEST = 60  # characters of a part that is named
_LARGEST_PROGRAM = 3_000  # instructions; differentiating larger ones again and again takes long


def variants(
    spec: Spec | None, derivation: Derivation, dims: Mapping[str, int]
) -> Iterator[Variant]:
    """The gradient without each part in turn: the author's own parts first, larger ones first.

    What cannot be differentiated in that form is passed over. Without a spec, as where the function
    is itself a gradient, there are no author's parts.
    """
    if len(derivation.joint.code) > _LARGEST_PROGRAM:
        return
    if spec is not None:
        if spec.expr is None:
            return
        yield from islice(_of_parts(spec, derivation, dims), _MOST_PARTS)
    yield from summands(derivation)
    yield from _of_scalars(derivation)


# ---- parts of the author's formula


@final
@dataclass(frozen=True, slots=True)
class _Place:
    """One part of a spec's mathematics, and how the spec looks with that part exchanged."""

    node: Node
    said: str
    spec: Spec
    let: str | None  # the let that it stands in; None: expr
    at: Path

    @property
    def key(self) -> str:
        """Tells it from every other part, which may read the same."""
        return f"{self.let} {self.at}"

    def with_slope_of(self, moved: Node) -> Spec:
        """The spec with the same value there, and the slope of what is 0."""
        return self.with_part(tree.Binary("+", _constant(self.node), moved))

    def with_part(self, new: Node) -> Spec:
        """The spec with another part there."""
        if self.let is None:
            assert self.spec.expr is not None
            return replace(self.spec, expr=_with(self.spec.expr, self.at, new))
        lets = tuple(
            (name, _with(value, self.at, new) if name == self.let else value)
            for name, value in self.spec.let
        )
        return replace(self.spec, let=lets)


def _of_parts(spec: Spec, derivation: Derivation, dims: Mapping[str, int]) -> Iterator[Variant]:
    for place in _places(spec):
        whole = place.let is None and not place.at  # without it nothing is left
        held = None if whole else _derived(place.with_part(_constant(place.node)), derivation, dims)
        if held is not None:
            yield Variant(f"the dependence through {place.said}", True, held, place.key)
        inner = _argument(place.node, _moving(spec))
        if inner is not None:
            slopeless = _derived(place.with_slope_of(_moves(inner)), derivation, dims)
            if slopeless is not None:
                words = f"the slope of {_text(place.node)} by {_text(inner)}"
                yield Variant(words, False, slopeless, place.key)
            yield from _mistaken(place, inner, derivation, dims)
        yield from _otherwise(place, derivation, dims)


def _mistaken(
    place: _Place, inner: Node, derivation: Derivation, dims: Mapping[str, int]
) -> Iterator[Variant]:
    """The slope of a function in terms of its value, with the argument put in for that."""
    function = place.node.function if isinstance(place.node, tree.Call) else ""
    if function not in _BY_VALUE:
        return
    slope = _by_value(function, _constant(inner))
    moved = tree.Binary("*", slope, _moves(inner))
    found = _derived(place.with_slope_of(moved), derivation, dims)
    if found is not None:
        words = f"the slope of {_text(place.node)}, {_BY_VALUE[function]} of its value y,"
        flaw = f"is taken of {_text(inner)} instead"
        yield Variant(words, False, found, place.key, flaw)


def _otherwise(place: _Place, derivation: Derivation, dims: Mapping[str, int]) -> Iterator[Variant]:
    """A choice with the slope of one branch throughout, or with the slopes exchanged."""
    node, moving = place.node, _moving(place.spec)
    if not isinstance(node, tree.Call) or node.function != "where" or len(node.arguments) != 3:
        return
    condition, *branches = node.arguments
    first, second = map(_moves, branches)
    said, told = _text(condition), [_text(branch) for branch in branches]
    turned = replace(node, arguments=(condition, second, first))
    flaws: list[tuple[Node, str]] = [
        (first, f"has the slope of {told[0]} whether or not {said}"),
        (second, f"has the slope of {told[1]} whether or not {said}"),
        (turned, "has the slopes of its branches the other way round"),
    ]
    for moved, flaw in flaws:
        if not tree.names(moved) & moving:
            continue
        found = _derived(place.with_slope_of(moved), derivation, dims)
        if found is not None:
            yield Variant(_text(node), False, found, place.key, flaw, branch=True)


# the slopes that backwards compute from the saved value
_BY_VALUE = {
    "exp": "y",
    "exp2": "log(2)*y",
    "expm1": "1 + y",
    "sqrt": "1/(2*y)",
    "rsqrt": "-y**3/2",
    "reciprocal": "-y**2",
    "tan": "1 + y**2",
    "tanh": "1 - y**2",
    "sigmoid": "y*(1 - y)",
}


def _by_value(function: str, value: Node) -> Node:
    root = parse(_BY_VALUE[function], names=("y",))
    for at, node in list(occurrences(root)):
        if node == tree.Name("y"):
            root = exchanged(root, at, value)
    return root


def _places(spec: Spec) -> Iterator[_Place]:
    """The parts through which a gradient flows: the lets, then what the formulas consist of."""
    assert spec.expr is not None
    moving = _moving(spec)
    for name, value in spec.let:
        if name in moving:
            yield _Place(value.tree, f"{name} = {_text(value.tree)}", spec, name, ())
    formulas: Iterable[tuple[str | None, Expression]] = chain([(None, spec.expr)], spec.let)
    for let, value in formulas:
        for at, node in occurrences(value.tree):
            if _flows(node, moving) and not (let is not None and not at):
                yield _Place(node, _said(value.tree, at, node), spec, let, at)


def _moving(spec: Spec) -> frozenset[str]:
    """The inputs with a gradient, and the lets that depend on one."""
    found = {entry.name for entry in spec.inputs if entry.requires_grad}
    for name, value in spec.let:
        if tree.names(value.tree) & found:
            found.add(name)
    return frozenset(found)


def _flows(node: Node, moving: frozenset[str]) -> bool:
    kinds = (tree.Name, tree.Binary, tree.Call, tree.Index, tree.Unary)
    conditional = isinstance(node, tree.Unary) and node.op == "not"
    return isinstance(node, kinds) and not conditional and bool(tree.names(node) & moving)


def _said(root: Node, at: Path, node: Node) -> str:
    """A part in words, with what it stands in where it stands at several places; names always."""
    parts = dict(occurrences(root))
    alike = [place for place, each in parts.items() if each == node]
    if not at or (len(alike) == 1 and not isinstance(node, tree.Name)):
        return _text(node)
    around = _around(parts, at)
    beside = [place for place in alike if _around(parts, place) == around]
    which = f"the {_ordinal(beside.index(at))} " if len(beside) > 1 else ""
    return f"{which}{_text(node)} in {_text(parts[around])}"


def _around(parts: Mapping[Path, Node], at: Path) -> Path:
    """The smallest part that a part stands in and that is there only once."""
    for end in reversed(range(len(at))):
        if sum(parts[at[:end]] == each for each in parts.values()) == 1:
            return at[:end]
    return ()


def _ordinal(place: int) -> str:
    return _ORDINALS[place] if place < len(_ORDINALS) else f"{place + 1}th"


_ORDINALS = "first second third fourth".split()


def _text(node: Node) -> str:
    text = unparse(node)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _argument(node: Node, moving: frozenset[str]) -> Node | None:
    """The only operand of a part that a gradient flows through; None where there are several."""
    if isinstance(node, tree.Name):
        return None
    inner = [child for child in tree.children(node) if tree.names(child) & moving]
    return inner[0] if len(inner) == 1 else None


def _constant(node: Node) -> Node:
    return tree.Call("detach", (node,))


def _moves(node: Node) -> Node:
    """What is 0 and has the slope of a part."""
    return tree.Binary("-", node, _constant(node))


def _with(value: Expression, at: Path, new: Node) -> Expression:
    return replace(value, tree=exchanged(value.tree, at, new))


def _derived(spec: Spec, derivation: Derivation, dims: Mapping[str, int]) -> Program | None:
    try:
        found = derive(spec, dims)
    except (LowerError, ProgramError, ValueError):
        return None
    same = (found.shapes, found.out_shape) == (derivation.shapes, derivation.out_shape)
    return found.joint if same else None


# ---- scalars of functions that hide their formula


def _of_scalars(derivation: Derivation) -> Iterator[Variant]:
    """The gradient with every group of scalars of the same form held constant in turn."""
    code = derivation.forward.code
    outputs = set(derivation.forward.outputs)
    groups: dict[object, list[int]] = {}
    forms = _forms(code)
    for index, step in enumerate(code):
        if step.op not in _STILL and index not in outputs and step.args:
            groups.setdefault(forms[index], []).append(index)
    several = sorted(groups.values(), key=lambda group: -group[-1])
    first, left = several[:_MOST_GROUPS], several[_MOST_GROUPS:]
    for group in first + left[::-1][:_MOST_EARLIEST]:
        words = f"the dependence through {_scalar_text(code, group[0])}"
        yield Variant(words, True, _held(derivation, frozenset(group)))


_STILL = frozenset("input const pi e inf lt le gt ge eq ne and or not detach".split())


def _forms(code: Iterable[Instruction]) -> list[int]:
    """For each instruction a number that is the same for those alike but for their elements."""
    numbers: dict[object, int] = {}
    found: list[int] = []
    for step in code:
        data = str(step.data).partition("[")[0] if step.op == "input" else step.data
        key = (step.op, data, tuple(found[arg] for arg in step.args))
        found.append(numbers.setdefault(key, len(numbers)))
    return found


def _scalar_text(code: tuple[Instruction, ...], index: int) -> str:
    formula = expression_of(_copied(code, frozenset())[index], _LARGEST_FORMULA)
    text = "" if formula is None else str(formula)
    if 0 < len(text) <= _LONGEST:
        return text
    return _OPERATIONS.get(code[index].op, code[index].op) + " inside the formula"


_OPERATIONS = {
    "add": "a sum",
    "sub": "a difference",
    "mul": "a product",
    "div": "a quotient",
    "pow": "a power",
    "max": "the maximum",
    "min": "the minimum",
    "select": "a branch",
}


def _copied(code: Iterable[Instruction], held: frozenset[int]) -> list[Scalar]:
    """The instructions in a builder of their own, some of them held constant."""
    builder = Builder()
    found: list[Scalar] = []
    for index, step in enumerate(code):
        scalar = builder.emit(step.op, [found[arg] for arg in step.args], step.data)
        found.append(builder.emit("detach", [scalar]) if index in held else scalar)
    return found


def _held(derivation: Derivation, held: frozenset[int]) -> Program:
    forward = derivation.forward
    scalars = _copied(forward.code, held)
    builder = scalars[0].builder
    outputs = [scalars[at] for at in forward.outputs]
    fed = [builder.input(name) for name in derivation.joint.inputs[len(forward.inputs) :]]
    moving = [builder.input(forward.inputs[place]) for place in derivation.moving()]
    return finish(derivation.joint.inputs, outputs + vjp(outputs, fed, moving))
