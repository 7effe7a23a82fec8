"""A derivation as a teacher writes it: words, formulas, equations and tables, not yet laid out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from gradcheck_sym.spec.tree import Node


@final
@dataclass(frozen=True, slots=True)
class Sign:
    """A sign or a number between formulas, as it is printed: "=", "·", "0.7311"."""

    text: str


@final
@dataclass(frozen=True, slots=True)
class Partial:
    """A derivative that is not worked out: d of / d by."""

    of: Node
    by: Node
    total: bool = False  # d instead of the rounded sign: with all that depends on `by`


Term = Node | Sign | Partial


@final
@dataclass(frozen=True, slots=True)
class Math:
    """Formulas in a row."""

    terms: tuple[Term, ...]


@final
@dataclass(frozen=True, slots=True)
class Words:
    """Prose."""

    text: str


@final
@dataclass(frozen=True, slots=True)
class Code:
    """What one types, or what torch calls something."""

    text: str


Piece = Words | Code | Math
Line = tuple[Piece, ...]


@final
@dataclass(frozen=True, slots=True)
class Equations:
    """Equations one below the other; a left side of None continues the one above."""

    rows: tuple[tuple[Math | None, Math], ...]


@final
@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head."""

    head: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]


@final
@dataclass(frozen=True, slots=True)
class Items:
    """A list; with numbers, or with what stands for them."""

    entries: tuple[tuple[str, tuple[Line, ...]], ...]  # label -> its lines


Block = Line | Equations | Table | Items


@final
@dataclass(frozen=True, slots=True)
class Part:
    """One section."""

    title: str
    blocks: tuple[Block, ...]


@final
@dataclass(frozen=True, slots=True)
class Lesson:
    """Everything that is said about one spec."""

    title: str
    address: str  # FILE::NAME
    notes: str  # what the author has to say
    parts: tuple[Part, ...]
