"""SymPy differentiates; the chain rule puts the pieces together.

A scalar program is cut where a value is shared and where it branches. Each piece between two
cuts is one smooth expression, handed to SymPy as a whole; pieces of the same form (as in every
element of an elementwise function) are differentiated once. The adjoint of a cut is the sum of
what flows into it, so that the gradient costs a small multiple of the value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import final

from gradcheck_sym.symbolic.known import slope_of
from gradcheck_sym.symbolic.pieces import BRANCHES, FLAT, NUMBERS, Piece, written
from gradcheck_sym.symbolic.program import Builder, Instruction, Scalar, reachable

# Functions so dear that their value must be the same instruction in the value and in the gradient:
# SymPy would write their argument another way, such as sqrt(2)*x/2 for x/sqrt(2).
_DEAR = frozenset({"erf", "erfc", "erfinv", "lgamma", "digamma"})

_SHARED_SIZE = (
    6  # a shared value is a cut once it takes this many operations; below, repeating is simpler
)
_LARGEST_PIECE = 60  # operations handed to SymPy at once; beyond, products of sums swell


def vjp(
    outputs: Sequence[Scalar], cotangents: Sequence[Scalar], wrt: Sequence[Scalar]
) -> list[Scalar]:
    """The gradient of sum(cotangent*output) with respect to each of wrt, as scalars.

    wrt are inputs of the same builder. What does not depend on one gives the constant 0.
    """
    if not outputs:
        return [scalar.builder.constant(0) for scalar in wrt]
    builder = cotangents[0].builder
    return _Reverse(builder, {scalar.index for scalar in wrt}).run(outputs, cotangents, wrt)


@final
@dataclass(slots=True)
class _Reverse:
    """One sweep from the outputs to the inputs."""

    builder: Builder
    wrt: set[int]
    adjoints: dict[int, Scalar] = field(default_factory=dict)
    gated: set[int] = field(default_factory=set)  # adjoints that an unselected branch makes 0

    def run(
        self, outputs: Sequence[Scalar], cotangents: Sequence[Scalar], wrt: Sequence[Scalar]
    ) -> list[Scalar]:
        for output, cotangent in zip(outputs, cotangents, strict=True):
            self._flow(output.index, cotangent, gated=False)
        roots = [output.index for output in outputs]
        within = reachable(self.builder.code, roots)
        live = _depending(self.builder.code, within, self.wrt)
        cuts = _cuts(self.builder.code, live, roots, self.wrt)
        cuts |= _constant_to_wrt(self.builder.code, within - live)
        for index in sorted(cuts & live, reverse=True):
            if index in self.adjoints and index not in self.wrt:
                self._pull(index, live, cuts)
        zero = self.builder.constant(0)
        return [self.adjoints.get(scalar.index, zero) for scalar in wrt]

    def _flow(self, index: int, contribution: Scalar, *, gated: bool) -> None:
        before = self.adjoints.get(index)
        self.adjoints[index] = contribution if before is None else before + contribution
        if gated:
            self.gated.add(index)

    def _pull(self, index: int, live: set[int], cuts: set[int]) -> None:
        """Hands the adjoint of a cut on to the cuts that its piece is made of."""
        adjoint, step = self.adjoints[index], self.builder.code[index]
        if step.op in BRANCHES:
            self._branch(index, step, adjoint, live)
            return
        piece = Piece.cut_out(self.builder.code, index, cuts - {index})
        for slot, leaf in enumerate(piece.leaves):
            if leaf in live:
                slope = _slope(piece, slot, self.builder)
                if slope.constant != 0:
                    op = "scale" if index in self.gated else "mul"
                    self._flow(leaf, self.builder.op(op, adjoint, slope), gated=index in self.gated)

    def _branch(self, index: int, step: Instruction, adjoint: Scalar, live: set[int]) -> None:
        zero, emit = self.builder.constant(0), self.builder.emit
        if step.op == "select":
            condition, *branches = (Scalar(self.builder, arg) for arg in step.args)
            parts = [[condition, adjoint, zero], [condition, zero, adjoint]]
            shares = [emit("select", part) for part in parts]
        else:
            branches = [Scalar(self.builder, arg) for arg in step.args]
            wins = [emit("wins", branches, f"{step.op}:{k}") for k in range(len(branches))]
            shares = [self.builder.op("scale", win, adjoint) for win in wins]
        for branch, share in zip(branches, shares, strict=True):
            if branch.index in live:
                self._flow(branch.index, share, gated=True)


def _depending(code: Sequence[Instruction], within: set[int], wrt: set[int]) -> set[int]:
    """The instructions through which a derivative with respect to wrt can flow."""
    live = set(wrt & within)
    for index in sorted(within):
        step = code[index]
        sources = step.args[1:] if step.op == "select" else step.args
        if step.op not in FLAT and any(arg in live for arg in sources):
            live.add(index)
    return live


def _constant_to_wrt(code: Sequence[Instruction], still: set[int]) -> set[int]:
    """What no derivative flows through stands as a symbol, but for the numbers themselves.

    SymPy would only rewrite it: digamma(2) as 1 - EulerGamma, log(-2) as a complex number.
    """
    return {index for index in still if code[index].op not in NUMBERS}


def _cuts(
    code: Sequence[Instruction], live: set[int], roots: Iterable[int], wrt: set[int]
) -> set[int]:
    """The instructions that stand as symbols: roots, inputs, branches, shared values."""
    uses = Counter(arg for index in live for arg in set(code[index].args))
    apart = BRANCHES | _DEAR
    chosen = {arg for index in live if code[index].op in apart for arg in code[index].args}
    cuts = set(roots) | wrt
    sizes: dict[int, int] = {}
    for index in sorted(live):
        step = code[index]
        size = 1 + sum(sizes.get(arg, 0) for arg in step.args)
        shared = uses[index] > 1 and size >= _SHARED_SIZE
        if step.op in BRANCHES or index in chosen or shared or size > _LARGEST_PIECE:
            cuts.add(index)
        sizes[index] = 0 if index in cuts else size
    return cuts


def _slope(piece: Piece, slot: int, builder: Builder) -> Scalar:
    """The derivative of a piece with respect to one of its slots, in the builder."""
    return written(slope_of(piece.form, slot), builder, piece.leaves)
