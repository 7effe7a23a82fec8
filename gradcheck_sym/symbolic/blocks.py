"""The independent parts of a program: values and moving inputs that have to do with one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from gradcheck_sym.symbolic.program import Program


@final
@dataclass(frozen=True, slots=True)
class Block:
    """Values and moving inputs of which no other value or moving input knows.

    The generalized gradient of a sum of blocks is the product of theirs (Clarke, Optimization and
    Nonsmooth Analysis, 2.3.15 and 2.5.1, where it is equality since they share no variable).
    """

    roots: tuple[int, ...]  # the instructions of its values
    columns: tuple[int, ...]  # its elements' places among the moving inputs


def blocks(program: Program, values: int, moving: Sequence[int]) -> list[Block]:
    """The blocks of a program's first outputs; each moving input belongs to exactly one.

    Args:
        program: its first `values` outputs are values.
        values: how many outputs are values; what follows is not looked at.
        moving: the places among the program's inputs of those that move.
    """
    roots = program.outputs[:values]
    used = _used(program, moving)
    groups: list[tuple[int, list[int]]] = []  # bits of the columns, and the values
    for root, mask in [*((root, used[root]) for root in roots), *_singles(moving)]:
        joined, members = mask, [] if root is None else [root]
        apart = []
        for bits, others in groups:
            if bits & joined:
                joined, members = joined | bits, others + members
            else:
                apart.append((bits, others))
        groups = [*apart, (joined, members)] if joined else apart
    found = [Block(tuple(members), _columns(bits)) for bits, members in groups]
    return sorted(found, key=lambda block: block.columns)


def columns_of(program: Program, root: int, moving: Sequence[int]) -> tuple[int, ...]:
    """The places among the moving inputs of those that one value depends on."""
    return _columns(_used(program, moving)[root])


def _singles(moving: Sequence[int]) -> list[tuple[None, int]]:
    """Each moving input by itself, so that one that no value uses has a block, too."""
    return [(None, 1 << column) for column in range(len(moving))]


def _used(program: Program, moving: Sequence[int]) -> list[int]:
    """For each instruction the moving inputs that it depends on, as bits."""
    column = {program.inputs_at[place]: column for column, place in enumerate(moving)}
    used: list[int] = []
    for at, step in enumerate(program.code):
        mask = 1 << column[at] if at in column else 0
        for arg in step.args:
            mask |= used[arg]
        used.append(mask)
    return used


def _columns(bits: int) -> tuple[int, ...]:
    return tuple(column for column in range(bits.bit_length()) if bits >> column & 1)
