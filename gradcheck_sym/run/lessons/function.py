"""A function's lesson: its stages, the chain rule, numbers put in, and what autograd does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, reduce
from itertools import pairwise
from typing import final

import numpy as np

from gradcheck_sym.run.lessons.words import array_text, formula, prose
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.domain import format_domain
from gradcheck_sym.spec.records import Dim, Input
from gradcheck_sym.spec.rewrite import unsigned
from gradcheck_sym.spec.stages import Stage, stages
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.spec.unparse import unparse
from gradcheck_sym.symbolic.chain import Link, links
from gradcheck_sym.symbolic.display import slope
from gradcheck_sym.verdict.lesson import (
    Block,
    Code,
    Equations,
    Items,
    Line,
    Math,
    Part,
    Partial,
    Sign,
    Table,
    Words,
)
from gradcheck_sym.verdict.names import sizes_told
from gradcheck_sym.verdict.pictures import Slope, value_name

_LONGEST = 160  # characters of a derivative that is written out
_MOST_PATHS = 6  # from an input to the value; more of them explain nothing
_ONE = tree.Number(Fraction(1))


@final
@dataclass(frozen=True)
class Derivation:
    """What is written about the mathematics of a subject."""

    subject: Subject

    @property
    def value(self) -> str:
        """What the value is called."""
        return value_name(self.subject.spec)

    @cached_property
    def dims(self) -> Mapping[str, int]:
        """The sizes at which arrays are written out."""
        small = 1 if self.subject.elementwise else 2
        dims = self.subject.spec.dims
        return {dim.name: min(max(dim.low, small), dim.high) for dim in dims}

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of the computation."""
        return stages(self.subject.spec, self.value)

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The derivative of each stage."""
        scalar = self.subject.elementwise
        return links(self.subject.spec, self.stages, self.dims, scalar=scalar)

    @cached_property
    def slopes(self) -> Mapping[str, Slope | None]:
        """The derivative of the whole by each input that asks for one, simplified."""
        return {name: self.slope(name, self.dims) for name in self.subject.graded}

    def slope(self, name: str, dims: Mapping[str, int]) -> Slope | None:
        """The derivative of the whole by an input, written out at some sizes."""
        spec = self.subject.spec
        fixed = tuple(Dim(dim, size, size, declared=True) for dim, size in dims.items())
        found = slope(replace(spec, dims=fixed), name, self.subject.elementwise)
        return None if found is None or len(unparse(found.formula)) > _LONGEST else found

    def paths(self, name: str, to: str) -> list[tuple[Link, ...]]:
        """The ways from an input to a stage, each a row of links that begins at the stage."""
        found: list[tuple[Link, ...]] = []
        for link in self.links:
            if link.stage == to:
                inner = [()] if link.by == name else self.paths(name, link.by)
                found += [(link, *rest) for rest in inner]
        return found


# ---- the function


def the_function(work: Derivation) -> Part:
    """The formula as its author wrote it, and what goes in."""
    spec = work.subject.spec
    assert spec.expr is not None
    written = [*((name, said.tree) for name, said in spec.let), (work.value, spec.expr.tree)]
    rows = tuple((formula(tree.Name(name)), formula(node)) for name, node in written)
    inputs = Items(tuple((entry.name, (prose(_about(entry)),)) for entry in spec.inputs))
    blocks: list[Block] = [Equations(rows), inputs]
    blocks += [(Words("where "), formula(said.tree)) for said in spec.where]
    if work.subject.elementwise:
        blocks.append(prose("Each element is worked on by itself, so one element stands for all."))
    blocks.append(_implementation(work))
    return Part("The function", tuple(blocks))


def _about(entry: Input) -> str:
    """What is known of an input."""
    numbers = "complex numbers" if entry.complex else "numbers"
    if entry.value is not None:
        fixed = f"fixed to {array_text(np.asarray(entry.value))}"
        return fixed + ("" if entry.requires_grad else ", held constant")
    sizes = ", ".join(map(str, entry.shape))
    kind = f"an array of shape [{sizes}], {numbers}" if entry.shape else f"a {numbers[:-1]}"
    where = "" if entry.domain is None else f" in {format_domain(entry.domain)}"
    return kind + where + ("" if entry.requires_grad else ", held constant")


def _implementation(work: Derivation) -> Line:
    said = work.subject.spec.torch
    if said is None:
        return prose("The implementation is the same formula, in torch's functions.")
    return Words("The implementation under test is "), Code(said.text), Words(".")


# ---- its derivative


def the_stages(work: Derivation) -> Part:
    """Every stage with its derivatives."""
    blocks: list[Block] = [prose("Each operation, differentiated by what goes into it:")]
    rows = [row for stage in work.stages for row in _stage(work, stage)]
    blocks.append(Table(("what is computed", "its derivative"), tuple(rows)))
    if written := _sizes(work):
        blocks.append(prose(written))
    return Part("One step at a time", tuple(blocks))


def _stage(work: Derivation, stage: Stage) -> Iterator[tuple[Line, ...]]:
    own = [link.slope for link in work.links if link.stage == stage.name]
    computed: Line = (formula(tree.Name(stage.name), "=", stage.tree),)
    for found in own:
        left = Partial(found.of, found.by, total=len(own) == 1)
        yield computed, (formula(left, "=", found.formula),)
        computed = ()
    if not own:
        yield computed, ()


def _sizes(work: Derivation) -> str:
    """At which sizes arrays are written out, where that matters."""
    if work.subject.elementwise or not work.dims:
        return ""
    return f"Arrays are written out for {sizes_told(work.dims)}, by their first elements."


def the_chain_rule(work: Derivation) -> Part:
    """The derivative of the whole by each input."""
    blocks: list[Block] = []
    for name in work.subject.graded:
        blocks += _chained(work, name)
    title = "The chain rule" if len(work.stages) > 1 and work.links else "The derivative"
    return Part(title, tuple(blocks))


def _chained(work: Derivation, name: str) -> Iterator[Block]:
    whole = work.slopes[name]
    of, by = (tree.Name(work.value), tree.Name(name)) if whole is None else (whole.of, whole.by)
    paths = work.paths(name, work.value)
    rows: list[Math] = []
    told = 0 < len(paths) <= _MOST_PATHS and max(map(len, paths)) > 1
    if told:
        rows.append(_symbolic(paths))
        if (product := _multiplied(paths)) is not None:
            rows.append(formula(product))
    if whole is not None and (not rows or formula(whole.formula) != rows[-1]):
        rows.append(formula(whole.formula))
    if not rows:
        yield (
            formula(Partial(of, by, total=True)),
            Words(" is too long to be written out; it is evaluated all the same."),
        )
        return
    left = formula(Partial(of, by, total=True))
    yield Equations(((left, rows[0]), *((None, row) for row in rows[1:])))
    if told and any(link.ways > 1 for path in paths for link in path):
        yield prose("Where one element acts on several, their contributions are added up.")


def _symbolic(paths: Sequence[Sequence[Link]]) -> Math:
    """The chain rule in signs: a sum over paths of products of derivatives."""
    terms: list[Node | Sign | Partial] = []
    for path in paths:
        terms += [Sign("+")] if terms else []
        for place, link in enumerate(path):
            terms += [Sign("·")] if place else []
            terms.append(Partial(tree.Name(link.stage), tree.Name(link.by)))
    return Math(tuple(terms))


def _multiplied(paths: Sequence[Sequence[Link]]) -> Node | None:
    """The same with every derivative put in; None where that is a sum over elements."""
    products = []
    for path in paths:
        if any(link.ways > 1 for link in path):
            return None
        joints = pairwise(path)
        if any(unparse(outer.slope.by) != unparse(inner.slope.of) for outer, inner in joints):
            return None
        products.append(_product([link.slope.formula for link in path]))
    return reduce(_plus, products)


def _product(factors: Sequence[Node]) -> Node:
    """The product of some factors, without ones, and with one sign in front at most."""
    parts = [unsigned(factor) for factor in factors]
    kept = [part for _, part in parts if part != _ONE] or [_ONE]
    product = reduce(lambda left, right: tree.Binary("*", left, right), kept)
    negative = sum(sign for sign, _ in parts) % 2
    return tree.Unary("-", product) if negative else product


def _plus(left: Node, right: Node) -> Node:
    negative, part = unsigned(right)
    return tree.Binary("-" if negative else "+", left, part)
